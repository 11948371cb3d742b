#include "pg_connection.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <exception>
#include <new>

#include "millrace/server/stores/postgres.h"
#include "poll_time.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;

// PostgreSQL's types.
constexpr Oid kBool = 16;
constexpr Oid kBytea = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;
constexpr Oid kBools = 1000;
constexpr Oid kByteas = 1001;
constexpr Oid kTexts = 1009;
constexpr Oid kInt8s = 1016;

void append_big_endian(std::string& bytes, std::uint64_t value, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xff);
}

std::string int8_of(std::uint64_t value) {
  std::string bytes;
  append_big_endian(bytes, value, 8);
  return bytes;
}

// The head of an array of one dimension, which its elements follow.
std::string array_head(Oid type, std::size_t count, bool has_null) {
  std::string bytes;
  append_big_endian(bytes, count == 0 ? 0 : 1, 4);
  append_big_endian(bytes, has_null ? 1 : 0, 4);
  append_big_endian(bytes, type, 4);
  if (count == 0) return bytes;
  append_big_endian(bytes, count, 4);
  append_big_endian(bytes, 1, 4);  // index of the first element
  return bytes;
}

void append_element(std::string& bytes, std::string_view value) {
  append_big_endian(bytes, value.size(), 4);
  bytes.append(value);
}

// The first line, without its line end. Further lines are hints for people at an SQL prompt.
std::string first_line(const char* message) {
  std::string line = message == nullptr ? "" : message;
  line = line.substr(0, line.find('\n'));
  return line.empty() ? "an error without a message" : line;
}

std::string sentence_of(const PGresult* result) {
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return "PostgreSQL: " + first_line(primary != nullptr ? primary : PQresultErrorMessage(result));
}

}  // namespace

PgParams& PgParams::add(Oid type, std::string value) {
  types_.push_back(type);
  values_.push_back(std::move(value));
  return *this;
}

PgParams& PgParams::number(std::uint64_t value) {
  return add(kInt8, int8_of(value));
}

PgParams& PgParams::text(std::string_view value) {
  return add(kText, std::string(value));
}

PgParams& PgParams::bytes(std::string_view value) {
  return add(kBytea, std::string(value));
}

PgParams& PgParams::numbers(std::span<const std::uint64_t> values) {
  std::string bytes = array_head(kInt8, values.size(), false);
  for (const std::uint64_t value : values) append_element(bytes, int8_of(value));
  return add(kInt8s, std::move(bytes));
}

PgParams& PgParams::flags(const std::vector<bool>& values) {
  std::string bytes = array_head(kBool, values.size(), false);
  for (const bool value : values) append_element(bytes, value ? std::string_view("\1", 1) : std::string_view("\0", 1));
  return add(kBools, std::move(bytes));
}

PgParams& PgParams::texts(std::span<const std::string_view> values) {
  std::string bytes = array_head(kText, values.size(), false);
  for (const std::string_view value : values) append_element(bytes, value);
  return add(kTexts, std::move(bytes));
}

PgParams& PgParams::blobs(std::span<const std::optional<std::string_view>> values) {
  const bool has_null = std::any_of(values.begin(), values.end(), [](const auto& value) { return !value; });
  std::string bytes = array_head(kBytea, values.size(), has_null);
  for (const auto& value : values) {
    if (value) {
      append_element(bytes, *value);
    } else {
      append_big_endian(bytes, UINT32_MAX, 4);
    }
  }
  return add(kByteas, std::move(bytes));
}

std::uint64_t PgResult::number(int row, int column) const {
  const std::string_view bytes = text(row, column);
  std::uint64_t value = 0;
  if (PQfformat(result_.get(), column) == 0) {
    if (bytes == "t") return 1;
    std::from_chars(bytes.data(), bytes.data() + bytes.size(), value);
    return value;
  }
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string_view PgResult::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

PgConnection::PgConnection(const Options& options) {
  // The URL comes last, so its values win. The timeouts and keepalives notice a machine that has vanished.
  constexpr std::array kNames = {"application_name",
                                 "connect_timeout",
                                 "tcp_user_timeout",
                                 "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "client_encoding",
                                 "dbname",
                                 static_cast<const char*>(nullptr)};
  const std::array values = {
      "millrace", "2", "5000", "2", "1", "3", "UTF8", options.url.c_str(), static_cast<const char*>(nullptr)};
  handle_.reset(PQconnectdbParams(kNames.data(), values.data(), 1));
  if (handle_ == nullptr) throw std::bad_alloc();
  if (PQstatus(handle_.get()) != CONNECTION_OK) {
    throw PgError("cannot connect to PostgreSQL: " + first_line(PQerrorMessage(handle_.get())));
  }
  PQsetNoticeProcessor(
      handle_.get(), [](void*, const char*) {}, nullptr);  // otherwise the library prints them
  const std::string timeout = std::to_string(kPostgresAnswerTimeout.count());
  // A Millrace server that hangs must not hold the log's lock for ever.
  std::string settings =
      "SET statement_timeout = " + timeout + "; SET idle_in_transaction_session_timeout = " + timeout;
  if (!options.schema.empty()) settings += "; SET search_path = " + quoted(options.schema);
  execute(settings);
}

std::string PgConnection::quoted(const std::string& name) const {
  char* made = PQescapeIdentifier(handle_.get(), name.data(), name.size());
  if (made == nullptr) throw PgError("PostgreSQL: " + first_line(PQerrorMessage(handle_.get())));
  std::string result(made);
  PQfreemem(made);
  return result;
}

PgResult PgConnection::run(const PgStatement& statement, const PgParams& params) {
  if (!prepared_.contains(statement.name)) {
    if (PQsendPrepare(handle_.get(), statement.name, statement.sql, static_cast<int>(params.types_.size()),
                      params.types_.data()) == 0) {
      fail(first_line(PQerrorMessage(handle_.get())));
    }
    answer();
    prepared_.insert(statement.name);
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const std::string& value : params.values_) {
    values.push_back(value.data());
    lengths.push_back(static_cast<int>(value.size()));
  }
  const std::vector<int> formats(values.size(), 1);
  if (PQsendQueryPrepared(handle_.get(), statement.name, static_cast<int>(values.size()), values.data(), lengths.data(),
                          formats.data(), 1) == 0) {
    fail(first_line(PQerrorMessage(handle_.get())));
  }
  return answer();
}

PgResult PgConnection::execute(const std::string& sql) {
  if (PQsendQuery(handle_.get(), sql.c_str()) == 0) fail(first_line(PQerrorMessage(handle_.get())));
  return answer();
}

void PgConnection::fail(const std::string& what) {
  is_usable_ = false;
  throw PgError("the connection to PostgreSQL was lost: " + what);
}

// Waits for the results of what was sent; returns the last one.
PgResult PgConnection::answer() {
  const auto deadline = Clock::now() + kPostgresAnswerTimeout + kStoreRetry;  // statement_timeout comes first
  PgResult last(nullptr);
  std::string trouble;
  while (true) {
    while (PQisBusy(handle_.get()) == 1) {
      const auto left = std::chrono::duration_cast<Duration>(deadline - Clock::now());
      pollfd waiting{.fd = socket(), .events = POLLIN, .revents = 0};
      if (PQflush(handle_.get()) == 1) waiting.events |= POLLOUT;
      const int count = left > Duration{0} ? ::poll(&waiting, 1, poll_milliseconds(left)) : 0;
      if (count == 0) fail("no answer within the time limit");
      if (count < 0 && errno != EINTR) fail("cannot wait for its socket");
      if (PQconsumeInput(handle_.get()) == 0) fail(first_line(PQerrorMessage(handle_.get())));
    }
    PGresult* result = PQgetResult(handle_.get());
    if (result == nullptr) break;
    last = PgResult(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && trouble.empty()) trouble = sentence_of(result);
  }
  if (!trouble.empty()) throw PgError(trouble);
  return last;
}

bool PgConnection::take_notifications(int own) {
  if (PQconsumeInput(handle_.get()) == 0) fail(first_line(PQerrorMessage(handle_.get())));
  bool had_some = false;
  while (PGnotify* notification = PQnotifies(handle_.get())) {
    had_some = had_some || notification->be_pid != own;
    PQfreemem(notification);
  }
  return had_some;
}

PgTransaction::~PgTransaction() {
  if (is_over_ || !connection_.is_usable()) return;
  try {
    connection_.execute("ROLLBACK");
  } catch (const std::exception&) {
    // Then the server rolls it back when the connection closes.
  }
}

void PgTransaction::commit() {
  is_over_ = true;
  connection_.execute("COMMIT");
}

}  // namespace millrace
