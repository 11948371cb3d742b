// Subscriber: a cursor on the log, with a filter and an outlet. It decides what a client gets next.
//
// A live subscriber gets new events as they come. When its outlet is full, or when it has just resumed from an old ID,
// it catches up: it keeps no queue, but reads from the log whenever the outlet has room, until it has reached the head.
// It keeps only the frame that is half written. No sockets, threads or clock; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "log/feed.h"
#include "log/frame.h"
#include "millrace/server/cursor_form.h"
#include "millrace/server/topic_filter.h"
#include "shares/work_budget.h"

namespace millrace {

class Subscriber {
 public:
  /// Where a subscriber's bytes go.
  class Outlet {
   public:
    /// Takes as many bytes of the frames, in order and leaving out the first `skip` bytes, as fit without waiting;
    /// returns how many. If not all fit, it calls the subscriber's catch_up() once more will.
    virtual std::size_t write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) = 0;
    /// Asks for catch_up() to be called when others have had their turn, though everything fitted.
    virtual void yield() = 0;
    /// The work that may still go into reading the log in this turn.
    virtual WorkBudget& reading() = 0;
    /// Ends the stream; nothing is written after it but what ending() gives.
    virtual void end() = 0;
    /// Asks for the events after the place to be read from the store, and given to take_stored(), once.
    virtual void read_stored(const Place& place) = 0;
    /// The client is told that it has missed events.
    virtual void on_gap() = 0;

   protected:
    ~Outlet() = default;
  };

  struct Subscription {
    std::shared_ptr<const TopicFilter> filter;
    std::string client;  ///< the name the subscriber gave itself; may be empty
    WireForm form = {};
    CursorForm cursor = CursorForm::kEvent;
    bool poll = false;                      ///< end the stream once it has carried something
    std::optional<Duration> conflate = {};  ///< as in SubscribeOptions
  };

  Subscriber(const Feed& feed, Outlet& outlet, Subscription subscription);
  ~Subscriber() { let_go(); }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  /// Begins behind `cursor`: `preface` (the response's head) and the priming block with `retry` are the first bytes.
  void start(const Feed::Cursor& cursor, std::string_view last_event_id, std::string_view preface, Duration retry);

  /// What of these new events, which match and are in order, is to be written: not those the subscriber has had, and
  /// nothing while it is catching up. Where a topic's life has a mark among them, it reads them from the log, at once.
  std::span<const FramePtr> due(std::span<const FramePtr> frames);

  /// `written` bytes of what was due have been written to its outlet; if not all, the outlet calls catch_up() once it
  /// takes more.
  void wrote(std::span<const FramePtr> due, std::size_t written);

  /// Reads on from the log. As much as outlet.reading() has room for: outlet.yield() asks for more time.
  void catch_up();

  /// Events have passed it by that it was to be handed: it reads them from the log.
  void fall_behind();

  /// What read_stored() has brought.
  void take_stored(const Feed::Page& page);

  /// The next interval of one that is handed what is newest: does nothing to one that is catching up.
  void next_interval();

  /// How often that is; 0: it is handed events as they come.
  Duration interval() const { return reading_ != nullptr ? reading_->conflate.value_or(Duration{0}) : Duration{0}; }

  /// Whether it waits for take_stored(), and for nothing else.
  bool awaits_stored() const { return awaits_stored_ && in_flight_ == nullptr; }

  /// Tells a live client its cursor, and one that waits for the store that the connection is well; all events up to
  /// `sequence` have been through due().
  void heartbeat(std::uint64_t sequence);

  /// Whether it keeps an event in memory that the log does not hold any more, since it has been sent a part of it.
  bool pins() const;
  /// Everything up to here has been written.
  std::uint64_t cursor() const { return cursor_; }
  /// Forgets what is half written: the stream has been cut.
  void let_go();

  /// Hands a live client events that are not of the log, each with this type. They have no ID: where the client resumes
  /// stays as it is. `is_news`: a poll is over with them. Does nothing to one that is catching up.
  void tell(EventType type, std::span<const std::string> data, bool is_news);

  Outlet& outlet() const { return outlet_; }
  /// Ends the stream; the client is to come back after `retry`. False if that cannot be said, since the outlet is full.
  bool retire(Duration retry);

  /// Whether it is up to date and takes events as they come.
  bool is_live() const { return mode_ == Mode::kLive; }
  const TopicFilter& filter() const { return *filter_; }
  const std::shared_ptr<const TopicFilter>& shared_filter() const { return filter_; }
  std::string_view client() const { return client_ != nullptr ? std::string_view(*client_) : std::string_view(); }
  WireForm form() const { return form_; }

  /// What ends the body of a stream that has ended in order.
  std::string ending() const;

 private:
  friend class SubscriberTable;

  enum class Mode : std::uint8_t { kLive, kCatchingUp, kEnded };

  // How it reads, where that is not everything.
  struct Reading {
    std::uint64_t state_until = 0;  // before that, the newest event of each topic
    std::uint64_t forgiven = 0;     // as in Place
    bool is_before_all = false;     // the client has been sent no ID of a place yet, and could not go on from one
    std::optional<Duration> conflate = {};
  };
  Reading& reading();
  Place place() const;
  bool is_before_all() const { return reading_ != nullptr && reading_->is_before_all; }
  void end_if_over();
  void end();
  bool write_page(const Feed::Page& page);
  bool write(std::span<const FramePtr> frames);
  void hold(FramePtr frame, std::size_t written);
  bool write_events(std::span<const FramePtr> frames);
  bool write_in_flight();
  bool account(std::span<const FramePtr> frames, std::size_t written);
  void pass(const Frame& frame);
  void stall(std::span<const FramePtr> frames, std::size_t written);
  bool write_cursor(std::uint64_t sequence, std::optional<Duration> retry = {});
  void append_cursor(std::uint64_t sequence, std::optional<Duration> retry, std::string& payload) const;
  void append_gap(std::string_view last_event_id, std::string_view reason, std::uint64_t sequence,
                  std::optional<Duration> retry, std::string& payload) const;
  FramePtr control_frame(std::string_view payload, std::uint64_t sequence,
                         std::optional<std::string_view> preface = std::nullopt) const;

  // There are very many of these, and most are idle: what few of them need stands behind a pointer.
  const Feed& feed_;
  Outlet& outlet_;
  const std::shared_ptr<const TopicFilter> filter_;
  const std::unique_ptr<const std::string> client_;  // null if it has no name
  std::uint64_t cursor_ = 0;                         // everything up to here has been written, or does not match
  FramePtr in_flight_;                               // begun, but not written to its end
  std::uint32_t in_flight_bytes_ = 0;                // of a frame, whose size fits, too
  GzipSum gzip_sum_;                                 // of all that has been written, where that is compressed
  const WireForm form_;
  const CursorForm cursor_form_;
  const bool poll_;
  std::unique_ptr<Reading> reading_;  // null: it reads everything
  Mode mode_ = Mode::kCatchingUp;
  bool has_written_event_ : 1 = false;
  bool awaits_stored_ : 1 = false;  // take_stored() will be called

  // The table's: where it is filed.
  struct FilterGroup* group_ = nullptr;
  std::size_t index_ = 0;
};

}  // namespace millrace
