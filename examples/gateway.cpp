// Takes one stream from elsewhere and passes it on to any number of listeners: the upstream sees one client, and
// a listener that loses its connection resumes here, from this server's log. Events of a Millrace server keep their
// topics; those of other servers, which name none, go to the topic `upstream`.
//
//   gateway http://upstream:8080/events?topic=** [PORT]

#include <millrace/client/event_source.h>
#include <millrace/server/server.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

// All topics that the upstream names. They are views of the event's text.
static std::vector<millrace::Topic> topics_of(const millrace::MessageEvent& event) {
  std::vector<millrace::Topic> topics;
  for (std::size_t begin = 0; begin < event.topics.size();) {
    const std::size_t end = std::min(event.topics.find('\t', begin), event.topics.size());
    if (const auto topic = millrace::Topic::parse(event.topics.substr(begin, end - begin))) topics.push_back(*topic);
    begin = end + 1;
  }
  if (topics.empty()) topics.push_back("upstream");
  return topics;
}

// With the upstream's own ID, where the event has one: what comes from there a second time is known here then, and so
// also to a mirror of this server. An ID that a publisher cannot give here gets a prefix.
static millrace::Published pass_on(millrace::Hub& hub, const millrace::MessageEvent& event) {
  const auto type = millrace::EventType::parse(event.type == "message" ? "" : event.type);
  if (!type) return {.sentence = "type: too long"};
  const std::vector<millrace::Topic> topics = topics_of(event);
  const auto publish = [&](std::string_view id) {
    const auto parsed = millrace::EventId::parse(id);
    return hub.publish(topics, {.type = *type, .data = event.data, .id = parsed ? *parsed : millrace::EventId()});
  };
  if (!event.has_id) return publish("");
  const auto published = publish(event.last_event_id);
  if (published.outcome != millrace::Published::Outcome::kRefused) return published;
  return publish("upstream:" + std::string(event.last_event_id));
}

int main(int argc, char** argv) {
  if (argc < 2) return std::cerr << "usage: gateway UPSTREAM-URL [PORT]\n", 2;

  millrace::Server server;
  server.events("/events");

  millrace::EventSource upstream(argv[1], {.policy = {.retry_on_server_error = true}});
  upstream.on_any([&](const millrace::MessageEvent& event) {
    // What comes from outside can be refused here: types that are too long, or Millrace's own, such as `millrace.gap`.
    const auto published = pass_on(server.hub(), event);
    if (!published) std::cerr << "not passed on: " << published.sentence << std::endl;
  });
  upstream.on_gap([](const millrace::EventSourceGap&) { std::cerr << "the upstream has lost events" << std::endl; });
  upstream.on_error([](const millrace::EventSourceError& error) { std::cerr << error.message << std::endl; });
  upstream.start();

  const int wanted = argc > 2 ? std::atoi(argv[2]) : 8081;  // 0: any
  const int port =
      wanted == 0 ? server.bind_to_any_port("127.0.0.1") : (server.bind_to_port("127.0.0.1", wanted) ? wanted : -1);
  if (port < 0) return std::cerr << "gateway: cannot listen on port " << wanted << std::endl, 1;
  std::cout << "gateway: listening on http://127.0.0.1:" << port << "/events?topic=**" << std::endl;
  return server.listen_after_bind() ? 0 : 1;
}
