"""Sends a message with Python's smtplib: its settings are the first argument in JSON, the message is on stdin."""

import email.policy
import json
import smtplib
import ssl
import sys

settings = json.loads(sys.argv[1])
trusted = ssl.create_default_context(cafile=settings["caFile"])
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)

if settings["tls"] == "implicit":
    server = smtplib.SMTP_SSL("localhost", settings["port"], context=trusted, timeout=30)
else:
    server = smtplib.SMTP("localhost", settings["port"], timeout=30)
with server:
    if settings["tls"] == "starttls":
        server.starttls(context=trusted)
    server.login(settings["user"], settings["password"])
    # Addresses of the envelope are taken from the message where none are given.
    server.send_message(message, settings.get("sender"), settings.get("recipients"))
