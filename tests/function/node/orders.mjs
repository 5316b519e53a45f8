// The function `orders` in Node: the same events, and the same lines as those of the Rust function.

export const handler = async (event, context) => {
  const order = event.orderId;
  const fence = fencingToken(context);
  log("work begins", order, fence);
  await sleep(event.workMs ?? 0);
  // A process that dies in there prints nothing more.
  try {
    await end(event.then ?? "ok", order);
  } finally {
    log("work ends", order, fence);
  }
  return { orderId: order, fence, echo: "x".repeat(event.answerBytes ?? 0) };
};

// The same with a response that is streamed: the work goes on until its end.
export const stream = awslambda.streamifyResponse(async (event, responseStream, context) => {
  const order = event.orderId;
  const fence = fencingToken(context);
  log("work begins", order, fence);
  responseStream.setContentType("application/json");
  try {
    for (const part of [`{"orderId":"${order}",`, `"fence":${fence},`, `"echo":"${"x".repeat(100_000)}"`]) {
      responseStream.write(part);
      await sleep((event.workMs ?? 0) / 3);
    }
    await end(event.then ?? "ok", order);
  } finally {
    log("work ends", order, fence);
  }
  responseStream.end("}");
});

// The token that the extension shows with LOCKS_CONTEXT=1.
function fencingToken(context) {
  return context.clientContext?.custom?.["lambda-locks"]?.fence ?? null;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function end(how, order) {
  if (how === "error") throw new RangeError(`order ${order} cannot be done`);
  if (how === "long error") throw new RangeError("x".repeat(700_000));
  if (how === "exit") process.exit(3);
  if (how === "abort") process.abort();
  if (how === "deaf") process.on("SIGTERM", () => {});
  if (how === "hang" || how === "deaf") await sleep(3_600_000);
}

function log(message, order, fence) {
  // Whole milliseconds would put a beginning before the end of the work of another.
  const now = performance.timeOrigin + performance.now();
  const micros = Math.floor((now % 1) * 1000).toString().padStart(3, "0");
  const timestamp = new Date(now).toISOString().replace("Z", `${micros}Z`);
  const line = JSON.stringify({ timestamp, fields: { message, order_id: order, fence } });
  process.stdout.write(`${line}\n`);
}

if (process.env.ORDERS_FAIL_AT_IMPORT) throw new Error("the module cannot be imported");
