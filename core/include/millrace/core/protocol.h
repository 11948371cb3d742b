// Names that both ends of the wire use. docs/protocol.md is their documentation.
#pragma once

#include <string_view>

namespace millrace::protocol {

/// The MIME type of an event stream. [WHATWG 9.2.5]
inline constexpr std::string_view kContentType = "text/event-stream";

/// Request header with a reconnecting client's last event ID. [WHATWG 9.2.4] In a response: the cursor of the first
/// block.
inline constexpr std::string_view kLastEventIdHeader = "Last-Event-ID";

/// The same as a query parameter, for clients that cannot set headers. The header wins.
inline constexpr std::string_view kLastEventIdParameter = "lastEventId";

/// Response header of an event stream: the server's heartbeat in whole seconds, rounded up. It tells a client after
/// which silence the connection is dead.
inline constexpr std::string_view kHeartbeatHeader = "Millrace-Heartbeat";

/// Response header of a stream that is an answer: the answer's ID.
inline constexpr std::string_view kAnswerHeader = "Millrace-Answer";

/// Query parameter of such a stream: it begins after the event with this number.
inline constexpr std::string_view kStartingAfterParameter = "starting_after";

/// Query parameter with a topic pattern; can be repeated.
inline constexpr std::string_view kTopicParameter = "topic";

/// Query parameter with a name by which the server can identify a subscriber.
inline constexpr std::string_view kClientParameter = "client";

/// Query parameter with a JSON object that presence reports with the subscriber.
inline constexpr std::string_view kNoteParameter = "note";

/// Query parameter for the form of the response.
inline constexpr std::string_view kModeParameter = "mode";

/// The one value of kModeParameter: long polling.
inline constexpr std::string_view kPollMode = "poll";

/// Query parameter for the form of a block that carries only the cursor.
inline constexpr std::string_view kCursorParameter = "cursor";

/// Value of kCursorParameter: a block without data.
inline constexpr std::string_view kCursorById = "id";

/// Value of kCursorParameter: an event of type kCursorEventType.
inline constexpr std::string_view kCursorByEvent = "event";

/// Value of kCursorParameter: no such block.
inline constexpr std::string_view kNoCursor = "none";

/// Query parameter with further fields that each event is to have.
inline constexpr std::string_view kFieldsParameter = "fields";

/// Request header with the same, for clients whose URL belongs to their user.
inline constexpr std::string_view kFieldsHeader = "Millrace-Fields";

/// Value of kFieldsParameter: a `topic` field with the event's topic.
inline constexpr std::string_view kTopicField = "topic";

/// Value of kFieldsParameter: the two fields of the trace of an event that has one.
inline constexpr std::string_view kTraceFields = "trace";

/// Field of an event, and header of a request: the trace that it belongs to. [W3C Trace Context 3.2]
inline constexpr std::string_view kTraceParentField = "traceparent";

/// Field of an event, and header of a request: what vendors add to the trace. [W3C Trace Context 3.3]
inline constexpr std::string_view kTraceStateField = "tracestate";

/// Query parameter for data that names its topic.
inline constexpr std::string_view kEnvelopeParameter = "envelope";

/// The one value of kEnvelopeParameter: the data is `{"topic":…,"data":…}`.
inline constexpr std::string_view kJsonEnvelope = "json";

/// Query parameter that lets the server skip events whose topic has a newer one. Its value is empty, or an interval in
/// milliseconds.
inline constexpr std::string_view kConflateParameter = "conflate";

/// Last event ID that requests the newest event of each topic, and then what is published from there on.
inline constexpr std::string_view kLatest = "latest";

/// Last event ID that requests everything that the log holds.
inline constexpr std::string_view kEarliest = "earliest";

/// ID of the last block of a stream whose client must not reconnect. A client that resumes from it gets 204.
inline constexpr std::string_view kGoneForGood = "millrace.gone";

/// Prefix of reserved event types, IDs and topics.
inline constexpr std::string_view kReservedPrefix = "millrace.";

/// Type of the event that reports a gap: the log no longer holds what the client missed.
inline constexpr std::string_view kGapEventType = "millrace.gap";

/// Type of the event without data that carries only the cursor. It is not in the log: clients take its ID, and do not
/// pass it to their users.
inline constexpr std::string_view kCursorEventType = "millrace.cursor";

/// Type of the event that reports who joins and leaves, and the topic of such events. Events about a topic are
/// published to `<this>/<topic>`, events about a pattern to `<this>`.
inline constexpr std::string_view kPresenceEventType = "millrace.presence";

/// Type of an event without an `event` field. [WHATWG 9.2.6]
inline constexpr std::string_view kDefaultEventType = "message";

}  // namespace millrace::protocol
