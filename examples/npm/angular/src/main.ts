import "@angular/compiler"; // compiles the template in the page, so that Vite alone can build the project
import { Component, provideZonelessChangeDetection, signal } from "@angular/core";
import { toSignal } from "@angular/core/rxjs-interop";
import { bootstrapApplication } from "@angular/platform-browser";
import { observeEvents } from "millrace/observable";
import { catchError, EMPTY, from, scan } from "rxjs";

const url = new URLSearchParams(location.search).get("events") ?? "http://localhost:8080/events?topic=orders";

interface Orders {
  created: { total: number };
}

@Component({
  selector: "millrace-orders",
  template: `<p>{{ error() || sum() + " €" }}</p>`,
})
class OrdersComponent {
  readonly error = signal("");
  // Connected until the component is destroyed.
  readonly sum = toSignal(
    from(observeEvents<Orders>(url, { decode: "json", types: ["created"] })).pipe(
      scan((sum, { data }) => sum + data.total, 0),
      catchError((error) => {
        this.error.set(String(error));
        return EMPTY;
      }),
    ),
    { initialValue: 0 },
  );
}

bootstrapApplication(OrdersComponent, { providers: [provideZonelessChangeDetection()] });
