// Names that both ends of the wire use. docs/protocol.md is their documentation.
#pragma once

#include <string_view>

namespace millrace::protocol {

/// The MIME type of an event stream. [WHATWG 9.2.5]
inline constexpr std::string_view kContentType = "text/event-stream";

/// Request header in which a reconnecting client says what it has seen. [WHATWG 9.2.4] In a response: the cursor that
/// its first block will carry.
inline constexpr std::string_view kLastEventIdHeader = "Last-Event-ID";

/// The same as a query parameter, for clients that cannot set headers. The header wins.
inline constexpr std::string_view kLastEventIdParameter = "lastEventId";

/// Response header of an event stream: the server's heartbeat, in whole seconds, rounded up. So a client knows what
/// silence means that the connection is dead.
inline constexpr std::string_view kHeartbeatHeader = "Millrace-Heartbeat";

/// Query parameter that names a topic pattern; may be repeated.
inline constexpr std::string_view kTopicParameter = "topic";

/// Query parameter with a name that a subscriber gives itself, for the server to know it by.
inline constexpr std::string_view kClientParameter = "client";

/// Query parameter that chooses how a subscription is answered, and its one value besides none: long polling.
inline constexpr std::string_view kModeParameter = "mode";
inline constexpr std::string_view kPollMode = "poll";

/// Query parameter that says how a subscriber's cursor comes to it where no event carries it: in a block without data,
/// in an event of type kCursorEventType, or not at all.
inline constexpr std::string_view kCursorParameter = "cursor";
inline constexpr std::string_view kCursorById = "id";
inline constexpr std::string_view kCursorByEvent = "event";
inline constexpr std::string_view kNoCursor = "none";

/// Last event ID that asks for everything the log still holds.
inline constexpr std::string_view kEarliest = "earliest";

/// Prefix of the event types, IDs and topics that Millrace keeps for itself.
inline constexpr std::string_view kReservedPrefix = "millrace.";

/// Type of the event that says: the log no longer holds what you missed.
inline constexpr std::string_view kGapEventType = "millrace.gap";

/// Type of the event without data that says how far a subscriber has been sent all it wants. It stands for no event of
/// the log: clients take its ID and keep it to themselves.
inline constexpr std::string_view kCursorEventType = "millrace.cursor";

/// Type of the event that says who has begun or ceased to listen, and the topic of such events. Those about a topic are
/// published to `<this>/<topic>`, those about a pattern to the topic itself.
inline constexpr std::string_view kPresenceEventType = "millrace.presence";

/// Event type where an event names none. [WHATWG 9.2.6]
inline constexpr std::string_view kDefaultEventType = "message";

}  // namespace millrace::protocol
