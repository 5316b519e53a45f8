// Works on orders, never on the same one twice at a time: the extension acquires the lock before this runs.
// AWS_LAMBDA_EXEC_WRAPPER=/opt/lambda-locks, LOCKS_KEY=/orderId, LOCKS_TABLE, and LOCKS_CONTEXT=1 for the token.
export const handler = async (event, context) => {
  const lock = context.clientContext?.custom?.["lambda-locks"];
  return { orderId: event.orderId, fence: lock?.fence ?? null };
};
