"""RemoteMonitor: the logs of every epoch sent to a server."""

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings

from ckeras.callbacks.callback import Callback


class RemoteMonitor(Callback):
    """Posts `{"epoch": ..., **logs}` to `root + path` after every epoch, as the form field `field` or as a JSON body.

    A server that does not answer is a warning, not the end of training. Raises `ValueError` for a `root` that is not
    http or https.
    """

    def __init__(
        self, root="http://localhost:9000", path="/publish/epoch/end/", field="data", headers=None, send_as_json=False
    ):
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"[RemoteMonitor] root must start with http:// or https://, got {root!r}")
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        text = json.dumps({"epoch": epoch, **(logs or {})})
        headers = dict(self.headers or {})
        if self.send_as_json:
            data = text.encode()
            headers.setdefault("Content-Type", "application/json")
        else:
            data = urllib.parse.urlencode({self.field: text}).encode()
        request = urllib.request.Request(self.root + self.path, data, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
        except (urllib.error.URLError, OSError) as e:
            warnings.warn(f"[RemoteMonitor] no answer from {self.root}: {e}", stacklevel=2)
