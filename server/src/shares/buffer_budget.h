// BufferBudget: the bytes of requests and responses in progress on all connections of a server together, and their
// bound. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace millrace {

class BufferBudget {
 public:
  /// `of`: a budget in which all bytes count, too; it must outlive this one.
  explicit BufferBudget(std::size_t max, BufferBudget* of = nullptr) : max_(max), of_(of) {}
  ~BufferBudget();
  BufferBudget(const BufferBudget&) = delete;
  BufferBudget& operator=(const BufferBudget&) = delete;

  /// The bytes that one connection holds. The destructor gives them back; the budget must outlive it.
  class Share {
   public:
    /// A share of no budget: without a bound.
    Share() = default;
    explicit Share(BufferBudget* budget) : budget_(budget) {}
    Share(Share&& other) noexcept : budget_(other.budget_), held_(std::exchange(other.held_, 0)) {}
    Share& operator=(Share&& other) noexcept;
    ~Share() { resize(0); }

    /// Holds `bytes` from now on, of which kUncountedBufferBytes do not count. Returns false if they do not fit: then
    /// it holds as many as before.
    bool resize(std::size_t bytes);

    /// The bytes that count.
    std::size_t held() const { return held_; }

   private:
    BufferBudget* budget_ = nullptr;
    std::size_t held_ = 0;
  };

  std::size_t max() const { return max_; }
  std::size_t held() const { return held_; }
  /// Bytes that are still free.
  std::size_t room() const;

 private:
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes);

  const std::size_t max_;
  BufferBudget* const of_;
  std::atomic<std::size_t> held_ = 0;
};

}  // namespace millrace
