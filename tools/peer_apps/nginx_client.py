"""nginx as a proxy before the peer, and curl before that: what curl sees, then what nginx's error log says (its usual level)."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PORT = 8000
CONF = """
pid {folder}/pid; error_log {folder}/error.log; master_process off;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  proxy_connect_timeout 1s; proxy_send_timeout 1s; proxy_read_timeout 1s;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{upstream}; }} }}
}}
"""


def ask() -> str:
    """Give the status, the octets of a reply that is the peer's, and curl's exit code if it is not 0."""
    shown = ["-w", "%{http_code} %{size_download}", "-o", "/dev/null", "--max-time", "5"]
    done = subprocess.run(["curl", "-sS", *shown, f"http://127.0.0.1:{PORT}/"], capture_output=True, text=True)  # fmt: skip
    status, octets = done.stdout.split()
    said = f"{status}, {octets} octets" if status == "200" else status
    return f"{said}, curl's exit {done.returncode}" if done.returncode else said


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="finwait-") as name:
        folder = Path(name)
        conf, errors = folder / "nginx.conf", folder / "error.log"
        conf.write_text(
            CONF.format(folder=folder, port=PORT, upstream=f"{sys.argv[1]}:{sys.argv[2]}")
        )
        # it listens when the command is over, and goes on in the background
        subprocess.run(["nginx", "-p", name, "-c", str(conf)], check=True, stderr=subprocess.DEVNULL)  # fmt: skip
        said = ask()
        logged = re.findall(r"\] \d+#\d+: \*\d+ (.*?)(?:, client:.*)?$", errors.read_text(), re.MULTILINE)  # fmt: skip
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
    print("; ".join([said, *logged]))


main()
