import { useEventSource } from "millrace/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const url = new URLSearchParams(location.search).get("events") ?? "http://localhost:8080/events?topic=orders";

interface Orders {
  created: { total: number };
}

function Newest({ token }: { token: string }) {
  const { event, readyState, error } = useEventSource<Orders>(url, {
    decode: "json",
    types: ["created"],
    headers: () => ({ Authorization: `Bearer ${token}` }), // that of the newest rendering
  });
  if (error) return <p>{String(error)}</p>;
  return <p aria-busy={readyState !== 1}>{event ? `${event.data.total} €` : "…"}</p>;
}

function App() {
  const [token, setToken] = useState("first");
  return (
    <>
      <button type="button" onClick={() => setToken("second")}>
        renew
      </button>
      <Newest token={token} />
    </>
  );
}

createRoot(document.querySelector("main") as HTMLElement).render(<App />);
