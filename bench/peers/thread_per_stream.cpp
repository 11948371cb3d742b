// Event streams as one writes them on a plain cpp-httplib: each holds a thread, that waits for the next event.
//
//   GET /sub/TOPIC, POST /pub/TOPIC      with one topic for all. Argument: how many streams there may be.
//
// Prints `listening on PORT` once it is.
#include <httplib.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

class Channel {
 public:
  void publish(const std::string& data) {
    const std::lock_guard lock(mutex_);
    events_.push_back("id: " + std::to_string(events_.size() + 1) + "\ndata: " + data + "\n\n");
    changed_.notify_all();
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return events_.size();
  }

  // The event, once there is one.
  std::string wait_for(std::size_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return events_.size() > index; });
    return events_[index];
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Event streams that hold a thread each"};
  std::size_t streams = 100;
  app.add_option("STREAMS", streams, "How many there may be (100)")->check(CLI::Range(1, 1'000'000'000));
  CLI11_PARSE(app, argc, argv);
  Channel channel;
  httplib::Server server;
  server.new_task_queue = [streams] { return new httplib::ThreadPool(streams + 8); };
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1'000'000);
  server.Get("/sub/.*", [&](const httplib::Request&, httplib::Response& response) {
    auto next = std::make_shared<std::size_t>(channel.size());
    response.set_chunked_content_provider("text/event-stream", [&channel, next](std::size_t, httplib::DataSink& sink) {
      const std::string event = channel.wait_for((*next)++);
      return sink.write(event.data(), event.size());
    });
  });
  server.Post("/pub/.*", [&](const httplib::Request& request, httplib::Response&) { channel.publish(request.body); });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::printf("listening on %d\n", port);
  std::fflush(stdout);
  return server.listen_after_bind() ? 0 : 1;
}
