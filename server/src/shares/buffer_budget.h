// BufferBudget: the bytes of requests and responses in progress on all connections of a server together, and their
// bound. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace millrace {

class BufferBudget {
 public:
  /// `of`: what it takes counts there, too; it must outlive this.
  explicit BufferBudget(std::size_t max, BufferBudget* of = nullptr) : max_(max), of_(of) {}

  /// What one connection holds; it is given back when this goes, which must be before the budget does.
  class Share {
   public:
    /// Of no budget: anything goes.
    Share() = default;
    explicit Share(BufferBudget* budget) : budget_(budget) {}
    Share(Share&& other) noexcept : budget_(other.budget_), held_(std::exchange(other.held_, 0)) {}
    Share& operator=(Share&& other) noexcept;
    ~Share() { resize(0); }

    /// Holds `bytes` from now on, of which kUncountedBufferBytes do not count. False if there is no room for as many:
    /// then it holds what it held.
    bool resize(std::size_t bytes);

    /// What counts of it.
    std::size_t held() const { return held_; }

   private:
    BufferBudget* budget_ = nullptr;
    std::size_t held_ = 0;
  };

  std::size_t max() const { return max_; }
  std::size_t held() const { return held_; }
  /// Bytes that can still be had.
  std::size_t room() const;

 private:
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes);

  const std::size_t max_;
  BufferBudget* const of_;
  std::atomic<std::size_t> held_ = 0;
};

}  // namespace millrace
