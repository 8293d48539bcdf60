"""What people see: the templates of the pages, and what is generated for them or sent as a file."""
