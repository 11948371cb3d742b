#include "ask.h"

#include <cstdlib>

#include "raw_client.h"

namespace millrace::test {

std::string request(std::string_view method, std::string_view target, std::string_view headers, std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\n").append(headers);
  if (headers.find("Host: ") == std::string_view::npos) text.append("Host: localhost\r\n");
  if (method == "POST" || !body.empty())
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return text.append("\r\n").append(body);
}

std::string ask(int port, const std::string& request_bytes) {
  RawClient client(port);
  client.send(request_bytes);
  const std::string head = client.read_until("\r\n\r\n");
  if (request_bytes.starts_with("HEAD ")) return head;
  return head + client.read_exactly(static_cast<std::size_t>(std::atoi(header_of(head, "Content-Length").c_str())));
}

int status_of(std::string_view response) {
  return response.starts_with("HTTP/1.1 ") ? std::atoi(std::string(response.substr(9, 3)).c_str()) : 0;
}

std::string header_of(std::string_view response, std::string_view name) {
  const std::string line = "\r\n" + std::string(name) + ": ";
  const std::string_view head = response.substr(0, response.find("\r\n\r\n") + 2);
  const std::size_t begin = head.find(line);
  if (begin == std::string_view::npos) return {};
  const std::size_t value = begin + line.size();
  return std::string(head.substr(value, head.find("\r\n", value) - value));
}

}  // namespace millrace::test
