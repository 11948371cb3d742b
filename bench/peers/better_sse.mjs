// better-sse on Node.js: GET /sub/TOPIC, POST /pub/TOPIC. Prints `listening on PORT` once it is.
import { createServer } from "node:http";
import { createChannel, createSession } from "better-sse";

const channels = new Map();

function channel(topic) {
  let found = channels.get(topic);
  if (!found) {
    found = createChannel();
    channels.set(topic, found);
  }
  return found;
}

const server = createServer(async (request, response) => {
  const [, action, topic] = request.url.split("/");
  if (action === "sub") {
    const session = await createSession(request, response, { serializer: String });
    channel(topic).register(session);
    return;
  }
  const body = [];
  for await (const bytes of request) body.push(bytes);
  channel(topic).broadcast(Buffer.concat(body).toString());
  response.end();
});
server.keepAliveTimeout = 0;
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on ${server.address().port}`);
});
