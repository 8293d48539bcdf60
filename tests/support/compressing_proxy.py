"""A proxy as people find it: nginx that compresses event streams and holds them back until a buffer is full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import reserved_port

CONFIGURATION = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
  access_log off;
  {temporary}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_buffering on;
      proxy_ignore_headers X-Accel-Buffering;
      gzip on;
      gzip_proxied any;
      gzip_min_length 1;
      gzip_types text/event-stream application/json;
    }}
  }}
}}
"""


@contextmanager
def compressing_nginx(folder: Path, *, upstream: int) -> Iterator[str]:
    """In front of a shop on that port; its own address."""
    port = reserved_port()
    modules = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{module}_temp_path {folder}/{module};" for module in modules)
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, temporary=temporary, port=port, upstream=upstream))
    folder.chmod(0o755)  # nginx's workers aren't root
    program = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/sbin")
    assert program, "nginx is not installed: tools/bootstrap.sh proxies"
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(file)])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
