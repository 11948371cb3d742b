// TopicNumbers: finds a topic's number by its name. The names themselves are elsewhere, one copy of each.
//
// A hash table that grows moves all that it has at once: with a million topics, publishers would wait for 0.2 s. So
// there are many small tables, of which each grows by itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "base/string_map.h"

namespace millrace {

/// `Names` has the name of each number: names[number].name.view(). They must outlive it.
template <typename Names>
class TopicNumbers {
 public:
  using Number = std::uint32_t;

  explicit TopicNumbers(const Names& names) { tables_.fill(Table(0, Hash{&names}, Equal{&names})); }

  std::optional<Number> find(std::string_view name) const {
    const Name sought{.text = name, .hash = StringHash()(name)};
    const Table& table = tables_[table_of(sought.hash)];
    const auto found = table.find(sought);
    return found == table.end() ? std::nullopt : std::optional(*found);
  }
  /// The number has its name already, which is new.
  void insert(Number number, std::string_view name) {
    tables_[table_of(StringHash()(name))].insert(number);
    ++size_;
  }
  /// The number still has its name.
  void erase(Number number, std::string_view name) { size_ -= tables_[table_of(StringHash()(name))].erase(number); }
  std::size_t size() const { return size_; }

 private:
  struct Name {
    std::string_view text;
    std::size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Name& name) const { return name.hash; }
    std::size_t operator()(Number number) const { return StringHash()((*names)[number].name.view()); }
    const Names* names;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(Number one, Number other) const { return one == other; }
    bool operator()(Number one, const Name& name) const { return (*names)[one].name.view() == name.text; }
    bool operator()(const Name& name, Number one) const { return (*names)[one].name.view() == name.text; }
    const Names* names;
  };
  using Table = std::unordered_set<Number, Hash, Equal>;

  static constexpr unsigned kTableBits = 9;
  static constexpr std::size_t table_of(std::size_t hash) {
    return hash >> (std::numeric_limits<std::size_t>::digits - kTableBits);
  }

  std::array<Table, std::size_t{1} << kTableBits> tables_;
  std::size_t size_ = 0;
};

}  // namespace millrace
