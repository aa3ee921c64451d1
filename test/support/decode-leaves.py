"""Reads messages with Python's email package: base64 on stdin, one a line; their decoded leaves as JSON on stdout."""

import base64
import email
import hashlib
import json
import sys

for line in sys.stdin.buffer:
    message = email.message_from_bytes(base64.b64decode(line))
    leaves = []
    for part in message.walk():
        if not part.is_multipart():
            octets = part.get_payload(decode=True) or b""
            leaves.append([part.get_content_type(), len(octets), hashlib.sha256(octets).hexdigest()])
    print(json.dumps(leaves))
