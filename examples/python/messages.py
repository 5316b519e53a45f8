"""Works on messages of an SQS queue: on one order at a time, and on each message once.

    LOCKS_KEY=/Records/*/body/orderId
    LOCKS_DEDUP=skip
    LOCKS_DEDUP_KEY=/Records/*/messageId

The handler gets the messages whose orders are free and that were not done before. The extension adds those that were
held back to what it reports, so the event source mapping needs ReportBatchItemFailures: ../rust/template.yaml has it.
"""

import json


def handler(event, context):
    failures = []
    for message in event["Records"]:
        try:
            work_on(json.loads(message["body"])["orderId"])
        except Exception as error:
            print(f"message {message['messageId']} comes again: {error!r}")
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def work_on(order):
    print(f"no other invocation works on order {order}")
