// RefusalReason: why Millrace answers a request with an error, for the metrics. docs/operations.md lists them.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace {

enum class RefusalReason : std::uint8_t {
  kHandler,  ///< refused by a handler of the program, or by cpp-httplib
  // Any request.
  kMalformed,
  kHeadTooLarge,
  kTransferCoding,
  kMethod,
  kVersion,
  kTls,
  kHttp2,
  kClearText,
  kProxyHeader,
  kTooSlow,
  kConnections,
  kAddressConnections,
  kUploads,
  kWorkers,
  kMemory,
  kHost,
  kOrigin,
  kDraining,
  kStore,
  kNotBuilt,
  kLoops,
  // Requests to events routes.
  kUnauthenticated,
  kForbidden,
  kAuthorizer,
  kUserStreams,
  kPublishRate,
  kInvalid,
  kBodyTooLarge,
  kContentEncoding,
  kRetention,
  kIdInUse,
  // Requests for answers.
  kAnswers,
  kUnknownAnswer,
  kIdempotencyKey,
};

/// The reasons with the status that each has, but for kHandler, which has any. The metrics have all from the start.
struct Refusal {
  int status;
  RefusalReason reason;
};
inline constexpr Refusal kRefusals[] = {
    {400, RefusalReason::kMalformed},       {414, RefusalReason::kHeadTooLarge},
    {431, RefusalReason::kHeadTooLarge},    {501, RefusalReason::kTransferCoding},
    {405, RefusalReason::kMethod},          {501, RefusalReason::kMethod},
    {505, RefusalReason::kVersion},         {400, RefusalReason::kTls},
    {505, RefusalReason::kHttp2},           {400, RefusalReason::kClearText},
    {400, RefusalReason::kProxyHeader},     {408, RefusalReason::kTooSlow},
    {503, RefusalReason::kConnections},     {429, RefusalReason::kAddressConnections},
    {503, RefusalReason::kUploads},         {503, RefusalReason::kWorkers},
    {503, RefusalReason::kMemory},          {421, RefusalReason::kHost},
    {403, RefusalReason::kOrigin},          {503, RefusalReason::kDraining},
    {503, RefusalReason::kStore},           {501, RefusalReason::kNotBuilt},
    {401, RefusalReason::kUnauthenticated}, {403, RefusalReason::kForbidden},
    {429, RefusalReason::kUserStreams},     {429, RefusalReason::kPublishRate},
    {400, RefusalReason::kInvalid},         {413, RefusalReason::kBodyTooLarge},
    {415, RefusalReason::kContentEncoding}, {507, RefusalReason::kRetention},
    {409, RefusalReason::kIdInUse},         {503, RefusalReason::kLoops},
};

/// The label of the metric.
constexpr std::string_view name_of(RefusalReason reason) {  // NOLINT(readability-function-size): a line for each
  switch (reason) {
    case RefusalReason::kHandler:
      return "handler";
    case RefusalReason::kMalformed:
      return "malformed";
    case RefusalReason::kHeadTooLarge:
      return "head_too_large";
    case RefusalReason::kTransferCoding:
      return "transfer_coding";
    case RefusalReason::kMethod:
      return "method";
    case RefusalReason::kVersion:
      return "version";
    case RefusalReason::kTls:
      return "tls";
    case RefusalReason::kHttp2:
      return "http2";
    case RefusalReason::kClearText:
      return "clear_text";
    case RefusalReason::kProxyHeader:
      return "proxy_header";
    case RefusalReason::kTooSlow:
      return "too_slow";
    case RefusalReason::kConnections:
      return "connections";
    case RefusalReason::kAddressConnections:
      return "address_connections";
    case RefusalReason::kUploads:
      return "uploads";
    case RefusalReason::kWorkers:
      return "workers";
    case RefusalReason::kMemory:
      return "memory";
    case RefusalReason::kHost:
      return "host";
    case RefusalReason::kOrigin:
      return "origin";
    case RefusalReason::kDraining:
      return "draining";
    case RefusalReason::kStore:
      return "store";
    case RefusalReason::kNotBuilt:
      return "not_built";
    case RefusalReason::kLoops:
      return "loops";
    case RefusalReason::kUnauthenticated:
      return "unauthenticated";
    case RefusalReason::kForbidden:
      return "forbidden";
    case RefusalReason::kAuthorizer:
      return "authorizer";
    case RefusalReason::kUserStreams:
      return "user_streams";
    case RefusalReason::kPublishRate:
      return "publish_rate";
    case RefusalReason::kInvalid:
      return "invalid";
    case RefusalReason::kBodyTooLarge:
      return "body_too_large";
    case RefusalReason::kContentEncoding:
      return "content_encoding";
    case RefusalReason::kRetention:
      return "retention";
    case RefusalReason::kIdInUse:
      return "id_in_use";
    case RefusalReason::kAnswers:
      return "answers";
    case RefusalReason::kUnknownAnswer:
      return "unknown_answer";
    case RefusalReason::kIdempotencyKey:
      return "idempotency_key";
  }
  return {};
}

}  // namespace millrace
