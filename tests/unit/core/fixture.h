// Fixture: one case of tests/fixtures, whose README.md documents the format.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "transcript.h"

namespace millrace::test {

struct Fixture {
  struct Connection {
    std::string stream;
    Transcript expected;
    std::string last_event_id;
  };

  std::string file;  // without its ending
  std::string name;
  std::string initial_last_event_id;
  std::vector<Connection> connections;
};

/// How GoogleTest names a case in its messages.
void PrintTo(const Fixture& fixture, std::ostream* out);

/// Every case of every file in the folder. Throws what the JSON library throws if one is malformed.
std::vector<Fixture> load_fixtures(const std::string& folder);

}  // namespace millrace::test
