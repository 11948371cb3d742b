// Subscriber: a cursor on the log, with a filter and an outlet. It decides what a client gets next.
//
// A live subscriber gets new events as they arrive. When its outlet is full, or when it has just resumed from an old
// ID, it catches up: it keeps no queue, but reads from the log whenever the outlet has room, until it reaches the head.
// It keeps only a partly written frame. No sockets, threads or clock; one thread.
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
    /// Takes as many bytes of the frames, in order and without the first `skip` bytes, as fit without waiting; returns
    /// their number. If not all fit, it calls the subscriber's catch_up() when it has room.
    virtual std::size_t write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) = 0;
    /// Requests a call of catch_up() after the turns of other subscribers, although everything fitted.
    virtual void yield() = 0;
    /// The work left in this turn for reading the log.
    virtual WorkBudget& reading() = 0;
    /// Ends the stream; only ending() is written afterwards.
    virtual void end() = 0;
    /// Requests the events after the place from the store, for one call of take_stored().
    virtual void read_stored(const Place& place) = 0;
    /// Called when the client gets a gap event.
    virtual void on_gap() = 0;
    /// It reads on from the log, so many entries behind its head.
    virtual void on_read(std::uint64_t /*behind*/) {}

   protected:
    ~Outlet() = default;
  };

  struct Subscription {
    std::shared_ptr<const TopicFilter> filter;
    std::string client;          ///< the client's name for itself; may be empty
    std::string id_prefix = {};  ///< like SubscribeOptions::id_prefix
    WireForm form = {};
    CursorForm cursor = CursorForm::kEvent;
    bool poll = false;                      ///< ends the stream once it has carried something
    std::optional<Duration> conflate = {};  ///< like SubscribeOptions::conflate
  };

  Subscriber(const Feed& feed, Outlet& outlet, Subscription subscription);
  ~Subscriber() { let_go(); }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  /// Begins after `cursor`: first writes `preface` (the response's head) and a block with the cursor and `retry`.
  void start(const Feed::Cursor& cursor, std::string_view last_event_id, std::string_view preface, Duration retry);

  /// Which of these new events, which match and are in order, to write: not those that the subscriber has had, and none
  /// while it is catching up. If a mark is among them, it reads them from the log at once.
  std::span<const FramePtr> due(std::span<const FramePtr> frames);

  /// Reports that `written` bytes of the due events were written to its outlet; if not all, the outlet calls catch_up()
  /// when it has room.
  void wrote(std::span<const FramePtr> due, std::size_t written);

  /// Reads on from the log, as far as outlet.reading() allows; outlet.yield() requests more.
  void catch_up();

  /// The subscriber has missed posted events: it reads them from the log.
  void fall_behind();

  /// Takes the page that read_stored() requested.
  void take_stored(const Feed::Page& page);

  /// Listens to `filter` from its place on. `with_state`: of these topics, the newest event of each comes first; may be
  /// null. `served` is as for heartbeat(). It reads on when outlet.yield() has had its turn; in its table it has to be
  /// filed anew. Returns its place: after it, the new filter counts.
  std::uint64_t listen_to(std::shared_ptr<const TopicFilter> filter,
                          const std::shared_ptr<const TopicFilter>& with_state, std::uint64_t served);

  /// Begins the next interval of a subscriber that gets events at intervals. Does nothing while it is catching up.
  void next_interval();

  /// The length of its intervals; 0: it gets events as they arrive.
  Duration interval() const { return reading_ != nullptr ? reading_->conflate.value_or(Duration{0}) : Duration{0}; }

  /// Whether it waits only for take_stored().
  bool awaits_stored() const { return awaits_stored_ && in_flight_ == nullptr; }

  /// Writes the cursor for a live client, and a sign of life for one that waits for the store. All events up to
  /// `sequence` have been through due().
  void heartbeat(std::uint64_t sequence);

  /// Whether it keeps a partly written event in memory that has left the log.
  bool pins() const;
  /// The sequence up to which everything has been written.
  std::uint64_t cursor() const { return cursor_; }
  /// Drops the partly written frame of a stream that was cut.
  void let_go();

  /// Writes events that are not from the log, each of this type, to a live client. They have no ID, so they do not
  /// change where the client resumes. `is_news`: they end a poll. Does nothing while it is catching up.
  void tell(EventType type, std::span<const std::string> data, bool is_news);

  Outlet& outlet() const { return outlet_; }
  /// Ends the stream and tells the client to reconnect after `retry`. Returns false if the outlet is full or the
  /// subscriber is not live.
  bool retire(Duration retry);

  /// Ends the stream, as soon as what is half written has gone; the client is not to come back.
  void dismiss();

  /// Whether it is up to date and takes events as they arrive.
  bool is_live() const { return mode_ == Mode::kLive; }
  const TopicFilter& filter() const { return *filter_; }
  const std::shared_ptr<const TopicFilter>& shared_filter() const { return filter_; }
  /// What it reads of the log now: of topics that were added with their state, that comes first.
  const std::shared_ptr<const TopicFilter>& reads() const { return is_adding() ? reading_->added : filter_; }
  std::string_view client() const { return names_ != nullptr ? std::string_view(names_->client) : std::string_view(); }
  WireForm form() const { return form_; }

  /// The end of the body of a stream that has ended in order.
  std::string ending() const;

 private:
  friend class SubscriberTable;

  enum class Mode : std::uint8_t { kLive, kCatchingUp, kEnded };

  // How it reads, unless it reads everything.
  struct Reading {
    std::uint64_t state_until = 0;  // up to here, only the newest event of each topic
    std::uint64_t forgiven = 0;     // Place::forgiven
    bool is_before_all = false;     // the client has received no ID yet from which it could resume
    std::optional<Duration> conflate = {};
    // Topics that were added with their state, which is read up to the place where the stream goes on then. Null: none.
    std::shared_ptr<const TopicFilter> added = nullptr;
    std::uint64_t goes_on_at = 0;
    bool adds_next = false;  // it begins when what is half written has gone
  };
  struct Names {
    std::string client;     // as in Subscription
    std::string id_prefix;  // likewise
  };
  OwnedEventId id_of(std::uint64_t sequence) const;
  Reading& reading();
  Place place() const;
  bool is_before_all() const { return reading_ != nullptr && reading_->is_before_all; }
  bool is_adding() const { return reading_ != nullptr && reading_->added != nullptr; }
  // It is in the state of what was added: its cursor is before the client's place.
  bool is_behind() const { return is_adding() && cursor_ < reading_->goes_on_at; }
  void add_topics(const TopicFilter& filter, const TopicFilter* added);
  bool tell_place();
  void begin_adding();
  std::uint64_t place_of_change() const;
  bool say_goodbye();
  bool pass_phase();
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

  // A server has very many subscribers, most of them idle, so rarely used members are behind a pointer.
  const Feed& feed_;
  Outlet& outlet_;
  std::shared_ptr<const TopicFilter> filter_;
  const std::unique_ptr<const Names> names_;  // null without any
  std::uint64_t cursor_ = 0;                  // everything up to here is written or does not match
  FramePtr in_flight_;                        // the partly written frame
  std::uint32_t in_flight_bytes_ = 0;         // written of it; frames are smaller than 4 GiB
  GzipSum gzip_sum_;                          // of everything written, in a compressed stream
  const WireForm form_;
  const CursorForm cursor_form_;
  std::unique_ptr<Reading> reading_;  // null: reads everything

  // Its position in the SubscriberTable.
  struct FilterGroup* group_ = nullptr;
  std::uint32_t index_ = 0;

  const bool poll_;
  Mode mode_ = Mode::kCatchingUp;
  bool has_written_event_ : 1 = false;
  bool awaits_stored_ : 1 = false;    // take_stored() will follow
  bool stored_is_stale_ : 1 = false;  // take_stored() will bring a page that is not wanted any more
  bool tells_place_ : 1 = false;      // the client gets its cursor next
  bool is_dismissed_ : 1 = false;
  bool has_said_goodbye_ : 1 = false;
};
static_assert(sizeof(void*) != 8 || sizeof(Subscriber) <= 104);

}  // namespace millrace
