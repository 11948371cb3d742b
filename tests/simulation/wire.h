// Wire: one connection, as far as bytes go from the server to a listener: a buffer of bounded size, a delay, and all
// that can happen to it. The other way goes one request, which is the listener's to delay.
//
// It hands over pieces of any size, so that a cut falls inside any byte of anything. As a stream of HTTP/2 it has a
// window, too: so many bytes may be written before the client has given credit for what it has read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "random.h"
#include "schedule.h"

namespace millrace::simulation {

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  class ClientEnd {
   public:
    virtual void on_bytes(std::string_view bytes) = 0;
    virtual void on_end() = 0;
    virtual void on_broken() = 0;

   protected:
    ~ClientEnd() = default;
  };
  class ServerEnd {
   public:
    virtual void on_writable() = 0;
    /// The client is gone, or counts as gone.
    virtual void on_closed() = 0;

   protected:
    ~ServerEnd() = default;
  };

  /// What can become of it.
  enum class Fault : std::uint8_t {
    kReset,           ///< both sides hear of it, some bytes later
    kClientVanishes,  ///< the server hears nothing
    kServerVanishes,  ///< the client hears nothing
    kBlackHole,       ///< no bytes arrive in either direction
  };

  static constexpr std::size_t kNoWindow = std::numeric_limits<std::size_t>::max();

  struct Character {
    std::size_t capacity = 65'536;   ///< bytes on their way
    std::size_t piece = 65'536;      ///< most that arrives at once
    Duration delay{20};              ///< longest
    std::size_t window = kNoWindow;  ///< of the stream, when it begins
  };

  Wire(Schedule& schedule, Random& random, const Character& character, ClientEnd& client)
      : schedule_(schedule), random_(random), character_(character), client_(&client), credit_(character.window) {}

  void attach(ServerEnd& server);

  // The server's end -----------------------------------------------------------------------------------------------

  /// Takes as many bytes as there is room for.
  std::size_t write(std::string_view bytes);
  /// Whether a write fails, since the client has reset the connection.
  bool is_reset() const { return reset_; }
  /// Asks for on_writable() once there is room.
  void want_writable(bool wanted);
  /// No more is written. The client hears of it behind the bytes there are.
  void finish();
  /// The server closes at once, and does not hear of the wire any more.
  void abandon(bool silently);

  // The client's end -----------------------------------------------------------------------------------------------

  /// The client closes, and does not hear of the wire any more.
  void drop();
  /// The server has refused the connection.
  void refuse();

  // Fate -----------------------------------------------------------------------------------------------------------

  void suffer(Fault fault);
  /// The client reads nothing for a while.
  void stall(Duration time) { stalled_until_ = schedule_.now() + time; }
  /// The client reads, but gives no credit for a while: the window shuts. False if the client has no stream.
  bool shut_window(Duration time);
  /// From now on it is fast and wide.
  void heal();
  bool is_open() const { return client_ != nullptr && server_ != nullptr; }

 private:
  Duration delay() { return random_.between(Duration{0}, character_.delay); }
  void expect_delivery();
  void deliver();
  void expect_writable();
  void has_read(std::size_t bytes);
  void give_credit();
  void break_client();
  void close_server();

  Schedule& schedule_;
  Random& random_;
  Character character_;
  ClientEnd* client_;
  ServerEnd* server_ = nullptr;
  std::string bytes_;
  std::size_t credit_;    // bytes that may be written
  std::size_t owed_ = 0;  // bytes that were read, without credit so far
  bool credit_expected_ = false;
  TimePoint shut_until_{};
  std::size_t last_bytes_ = std::string::npos;  // how many still arrive before the client hears that it is broken
  bool wants_writable_ = false;
  bool writable_expected_ = false;
  bool delivery_expected_ = false;
  bool finished_ = false;
  bool reset_ = false;
  bool dark_ = false;  // nothing arrives any more
  bool unacknowledged_ = false;
  TimePoint stalled_until_{};
};

}  // namespace millrace::simulation
