// node main.js http://localhost:8080/events?topic=orders
import { connect } from "millrace";
import { inspect } from "millrace/inspect";

const url = process.argv[2] ?? "http://localhost:8080/events?topic=orders";
for await (const { type, data, lastEventId } of inspect(connect(url, { lastEventId: "earliest" }))) {
  console.log(type, data, lastEventId);
}
