// Asks a model that speaks like OpenAI's API, and prints the answer as it comes. If the connection drops, the question
// is not asked again, since a POST is sent once: the rest of the answer is fetched from where it stopped (llm_stream
// --policy detached keeps it).

#include <millrace/client/event_source.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

// Deeper nesting is dropped: no answer needs it, and walking it would exhaust the stack.
static bool not_too_deep(int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
  return depth <= 64;
}

int main(int argc, char** argv) {
  const std::string server = argc > 1 ? argv[1] : "http://localhost:8080";
  const std::string question = argc > 2 ? argv[2] : "What is a millrace?";

  millrace::EventSourceOptions options;
  options.method = "POST";
  options.headers = {{"Content-Type", "application/json"}};
  options.body =
      nlohmann::json{{"model", "toy"}, {"stream", true}, {"messages", {{{"role", "user"}, {"content", question}}}}}
          .dump();
  std::string answer;  // its name, once the first event has come
  std::string last_event_id;

  for (std::string url = server + "/v1/chat/completions";; url = server + "/v1/answers/" + answer) {
    millrace::EventSource source(url, options);
    source.on_error(
        [](const millrace::EventSourceError& error) { std::cerr << "[" << error.message << "]" << std::endl; });
    for (const millrace::ReceivedEvent& event : source) {
      if (event.data == "[DONE]") return std::cout << std::endl, 0;
      const auto chunk = nlohmann::json::parse(event.data, not_too_deep);
      answer = chunk["id"];
      last_event_id = event.last_event_id;
      std::cout << chunk["choices"][0]["delta"].value("content", "") << std::flush;
    }
    if (last_event_id.empty() || options.method == "GET") return 1;  // nothing to go on from, or refused
    options = {.last_event_id = last_event_id};
  }
}
