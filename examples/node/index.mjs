// Works on orders, never on the same one twice at a time: the extension acquires the lock before this runs.
//
// With LOCKS_CONTEXT=1 the handler finds its fencing token in the client context. A store that keeps the largest
// token it has seen refuses a handler that was delayed beyond its lock.

export const handler = async (event, context) => {
  const token = fencingToken(context);
  return { orderId: event.orderId, fence: token };
};

export function fencingToken(context) {
  return context.clientContext?.custom?.["lambda-locks"]?.fence ?? null;
}

// What the AWS SDK's UpdateCommand takes; it fails with ConditionalCheckFailedException if a later holder has
// written already.
export function dynamodbWrite(table, order, status, token) {
  return {
    TableName: table,
    Key: { orderId: order },
    UpdateExpression: "SET #s = :s, fence = :f",
    ConditionExpression: "attribute_not_exists(fence) OR fence <= :f",
    ExpressionAttributeNames: { "#s": "status" },
    ExpressionAttributeValues: { ":s": status, ":f": token },
  };
}

// False if a later holder has written already. `client` is one of the package `pg`.
export async function writeToSql(client, order, status, token) {
  const { rowCount } = await client.query(
    "UPDATE orders SET status = $1, fence = $2 WHERE id = $3 AND (fence IS NULL OR fence <= $2)",
    [status, token, order],
  );
  return rowCount === 1;
}
