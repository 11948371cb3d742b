import { connect, EventSource } from "millrace";
import { inspect } from "millrace/inspect";

const main = document.querySelector("main") as HTMLElement;
const url = new URLSearchParams(location.search).get("events") ?? "http://localhost:8080/events?topic=orders";

// The browser's class, as it is known.
const source = new EventSource(url);
source.onopen = () => main.append("open; ");
source.onerror = ({ message }) => main.append(`${message}; `);
source.addEventListener("created", ({ data }) => main.append(`created ${data}; `));

// What it has no room for: headers, types of events with their data, an end. The console shows its life.
interface Orders {
  created: { total: number };
  deleted: { id: string };
}
const connection = inspect(
  connect<Orders>(url, { decode: "json", types: ["created", "deleted"], headers: { "X-Example": "1" } }),
);
for await (const event of connection) {
  if (event.type === "created") main.append(`${event.data.total} € more; `);
  else main.append(`without ${event.data.id}; `);
}
