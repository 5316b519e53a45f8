"""The function `orders` in Python: the same events, and the same lines as those of the Rust function."""

import json
import os
import signal
import time
from datetime import datetime, timezone


def handler(event, context):
    order = event["orderId"]
    fence = fencing_token(context)
    log("work begins", order, fence)
    time.sleep(event.get("workMs", 0) / 1000)
    # A process that dies in there prints nothing more.
    try:
        end(event.get("then", "ok"), order)
    finally:
        log("work ends", order, fence)
    return {"orderId": order, "fence": fence, "echo": "x" * event.get("answerBytes", 0)}


def fencing_token(context):
    """The token that the extension shows with LOCKS_CONTEXT=1."""
    custom = getattr(context.client_context, "custom", None) or {}
    return custom.get("lambda-locks", {}).get("fence")


def end(how, order):
    if how == "error":
        raise ValueError(f"order {order} cannot be done")
    if how == "long error":
        raise ValueError("x" * 700_000)
    if how == "exit":
        os._exit(3)
    if how == "abort":
        os.abort()
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if how in ("hang", "deaf"):
        while True:
            time.sleep(3600)


def log(message, order, fence):
    timestamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fields = {"message": message, "order_id": order, "fence": fence}
    print(json.dumps({"timestamp": timestamp, "fields": fields}), flush=True)


if os.environ.get("ORDERS_FAIL_AT_IMPORT"):
    raise RuntimeError("the module cannot be imported")
