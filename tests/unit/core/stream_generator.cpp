#include "stream_generator.h"

namespace millrace::test {

namespace {

using namespace std::string_view_literals;

const std::vector<std::string_view> kNames{
    "data"sv,
    "data"sv,
    "data"sv,
    "data"sv,
    "data"sv,
    "event"sv,
    "event"sv,
    "id"sv,
    "id"sv,
    "id"sv,
    "retry"sv,
    ""sv,
    "dat"sv,
    "datas"sv,
    "Data"sv,
    "ID"sv,
    " id"sv,
    "data "sv,
    "x"sv,
    "\0data"sv,
    "\xFF"sv,
    "data\xC3"sv,
    "\xEF\xBB\xBF"
    "data"sv,
};
const std::vector<std::string_view> kColons{":"sv, ": "sv, ": "sv, ": "sv, ":  "sv, "::"sv, ":\t"sv, " :"sv, ""sv};
const std::vector<std::string_view> kLineEnds{"\n"sv, "\n"sv, "\r\n"sv, "\r"sv};
const std::vector<std::string_view> kBlockEnds{"\n"sv, "\r\n"sv, "\r"sv, "\n\n"sv, "\r\r"sv, "\n\r"sv, "\r\r\n"sv};
const std::vector<std::string_view> kNumbers{
    "0"sv,
    "1"sv,
    "00500"sv,
    "100x"sv,
    "-100"sv,
    "1e2"sv,
    "+5"sv,
    "1.5"sv,
    " 7"sv,
    "7 "sv,
    ""sv,
    "2147483647"sv,
    "2147483648"sv,
    "18446744073709551616"sv,
    "\xD9\xA3"sv,
    "1\0"sv,
    "99999999999999999999999999999999999999999999"sv,
};
const std::vector<std::string_view> kScraps{
    // Good text, then each way of being ill-formed.
    "a"sv,
    " "sv,
    "token"sv,
    ":"sv,
    "\t"sv,
    "\0"sv,
    "\xC3\xA9"sv,
    "\xE2\x82\xAC"sv,
    "\xF0\x9F\xA6\x80"sv,
    "\xEF\xBB\xBF"sv,
    "\xE2\x80\xA8"sv,
    "\xEF\xBF\xBD"sv,
    "data: "sv,
    "id: 1"sv,
    "\xFF"sv,
    "\x80"sv,
    "\xBF\xBF"sv,
    "\xC3"sv,
    "\xE2"sv,
    "\xE2\x82"sv,
    "\xF0\x9F\xA6"sv,
    "\xF0"sv,
    "\xC0\x80"sv,
    "\xE0\x80\x80"sv,
    "\xED\xA0\x80"sv,
    "\xF4\x90\x80\x80"sv,
    "\xF8"sv,
    "\xEF\xBB"sv,
    "\xEF"sv,
};

}  // namespace

std::string StreamGenerator::value() {
  if (below(6) == 0) return std::string(one_of(kNumbers));
  std::string out;
  // Mostly short; now and then beyond any vector width or small buffer.
  std::size_t scraps = below(5);
  if (below(12) == 0) scraps = below(80);
  if (below(60) == 0) out.assign(below(600), 'x');
  for (std::size_t i = 0; i < scraps; ++i) out += one_of(kScraps);
  return out;
}

std::string StreamGenerator::line() {
  std::string out(one_of(kNames));
  out += one_of(kColons);
  out += value();
  return out += one_of(kLineEnds);
}

void StreamGenerator::damage(std::string& stream) {
  if (stream.empty()) return;
  const std::size_t at = below(stream.size());
  switch (below(4)) {
    case 0:
      stream.erase(at, 1 + below(4));
      break;
    case 1:
      stream.insert(at, 1, static_cast<char>(below(256)));
      break;
    case 2:
      stream.insert(at, one_of(kScraps));
      break;
    default:
      stream.insert(at, one_of(kBlockEnds));
  }
}

std::string StreamGenerator::stream() {
  std::string out;
  if (below(4) == 0) out += one_of({"\xEF\xBB\xBF"sv, "\xEF\xBB\xBF\xEF\xBB\xBF"sv, "\xEF\xBB"sv, "\xEF"sv});
  const std::size_t blocks = below(6);
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::size_t lines = below(5);
    for (std::size_t j = 0; j < lines; ++j) out += line();
    out += one_of(kBlockEnds);
  }
  if (below(3) == 0) {  // an incomplete end
    const std::string last = line();
    out.append(last, 0, below(last.size() + 1));
  }
  const std::size_t damages = below(2) * below(4);
  for (std::size_t i = 0; i < damages; ++i) damage(out);
  return out;
}

std::vector<std::string_view> StreamGenerator::chunks(std::string_view stream) {
  std::vector<std::string_view> out;
  const std::size_t longest = 1 + below(below(3) == 0 ? 200 : 12);
  while (!stream.empty()) {
    const std::size_t size = below(longest + 1);
    out.push_back(stream.substr(0, size));
    stream.remove_prefix(out.back().size());
  }
  return out;
}

std::string StreamGenerator::text() {
  std::string out;
  const std::size_t scraps = below(12);
  for (std::size_t i = 0; i < scraps; ++i) out += one_of(below(3) == 0 ? kBlockEnds : kScraps);
  return out;
}

}  // namespace millrace::test
