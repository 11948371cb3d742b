// Serving: a `millrace serve` on a free port, and requests to it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ask.h"
#include "program.h"

namespace millrace::test {

class Serving {
 public:
  explicit Serving(std::vector<std::string> options)
      : program_(std::move(options)), port_(std::stoi(program_.url().substr(program_.url().rfind(':') + 1))) {}

  int port() const { return port_; }
  Program& program() { return program_.program(); }
  std::string subscribe(const std::string& topic, const std::string& headers = {}) const {
    return ask(port_, request("HEAD", "/events?topic=" + topic, headers));
  }
  std::string publish(const std::string& topic, const std::string& headers = {}) const {
    return ask(port_, request("POST", "/events", headers, nlohmann::json{{"topic", topic}, {"data", "x"}}.dump()));
  }
  std::string get(const std::string& path, const std::string& headers = {}) const {
    return ask(port_, request("GET", path, headers));
  }

 private:
  ServeProgram program_;
  int port_;
};

inline std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token + "\r\n";
}

}  // namespace millrace::test
