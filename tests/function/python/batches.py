"""A handler of batches: it works on the records that it is given, and reports those that ask for that."""

import json
import time

from orders import end, log


def handler(event, context):
    records = event["Records"]
    fences = fencing_tokens(context)
    failed = []
    for record in records:
        work = json.loads(record["body"])
        order, then = work["orderId"], work.get("then", "ok")
        fence = fences.get(order)
        log("work begins", order, fence)
        time.sleep(work.get("workMs", 0) / 1000)
        end(then, order)
        log("work ends", order, fence)
        if then == "report":
            failed.append({"itemIdentifier": record["messageId"]})
    seen = [record["messageId"] for record in records]
    return {"batchItemFailures": failed, "seen": seen, "fences": [f for f in fences.values()]}


def fencing_tokens(context):
    """The tokens that the extension shows with LOCKS_CONTEXT=1, one for each lock."""
    custom = getattr(context.client_context, "custom", None) or {}
    locks = custom.get("lambda-locks", {}).get("locks", [])
    return {lock["key"]: lock["fence"] for lock in locks}
