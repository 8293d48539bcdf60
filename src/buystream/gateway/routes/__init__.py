"""The API and the pages, one module per capability, with the bodies of each."""
