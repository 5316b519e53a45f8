"""Works on orders, never on the same one twice at a time: the extension acquires the lock before this runs.

With LOCKS_CONTEXT=1 the handler finds its fencing token in the client context. A store that keeps the largest
token it has seen refuses a handler that was delayed beyond its lock.
"""


def handler(event, context):
    token = fencing_token(context)
    return {"orderId": event["orderId"], "fence": token}


def fencing_token(context):
    custom = getattr(context.client_context, "custom", None) or {}
    return custom.get("lambda-locks", {}).get("fence")


def write_to_dynamodb(table, order, status, token):
    """Raises ConditionalCheckFailedException if a later holder has written already."""
    table.update_item(
        Key={"orderId": order},
        UpdateExpression="SET #s = :s, fence = :f",
        ConditionExpression="attribute_not_exists(fence) OR fence <= :f",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": status, ":f": token},
    )


def write_to_sql(cursor, order, status, token):
    """Changes no row if a later holder has written already."""
    cursor.execute(
        "UPDATE orders SET status = %s, fence = %s WHERE id = %s AND (fence IS NULL OR fence <= %s)",
        (status, token, order, token),
    )
    return cursor.rowcount == 1
