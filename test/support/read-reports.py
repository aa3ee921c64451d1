# Reads reports of delivery as Python's email package sees them: a base64 message a line in, a JSON object a line out.
import base64
import email
import email.policy
import json
import sys

for line in sys.stdin:
    message = email.message_from_bytes(base64.b64decode(line), policy=email.policy.default)
    defects = [str(defect) for part in message.walk() for defect in part.defects]
    words, status, *returned = message.get_payload()
    print(
        json.dumps(
            {
                "type": message.get_content_type(),
                "report_type": message.get_param("report-type"),
                "parts": [part.get_content_type() for part in message.get_payload()],
                "defects": defects,
                "words": words.get_content(),
                "recipients": [
                    {name.lower(): str(value) for name, value in block.items()}
                    for block in status.get_payload()[1:]
                ]
                if status.get_content_type() == "message/delivery-status"
                else None,
            }
        )
    )
