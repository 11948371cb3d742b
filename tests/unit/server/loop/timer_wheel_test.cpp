#include "loop/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <vector>

namespace millrace::test {
namespace {

constexpr TimePoint kStart{Duration{1'000'000}};

class Alarm final : public TimerWheel::Timer {
 public:
  void on_timer(TimePoint now) override {
    rung.push_back(now);
    if (then) then();
  }

  std::vector<TimePoint> rung;
  std::function<void()> then;
};

// Advances as an event loop does: whenever next() says so, until `end`. Returns how often that was.
int run(TimerWheel& wheel, TimePoint end) {
  int advances = 0;
  for (auto next = wheel.next(); next && *next <= end; next = wheel.next()) {
    wheel.advance(*next);
    ++advances;
  }
  wheel.advance(end);
  return advances;
}

TEST(TimerWheel, RingsWithinATickAndNeverEarly) {
  for (Duration after{0}; after <= 3 * TimerWheel::kTick; ++after) {
    TimerWheel wheel(kStart);
    Alarm alarm;
    const TimePoint deadline = kStart + after;
    wheel.set(alarm, deadline);
    run(wheel, kStart + 10 * TimerWheel::kTick);
    ASSERT_EQ(alarm.rung.size(), 1u) << after.count();
    EXPECT_GE(alarm.rung[0], deadline) << after.count();
    EXPECT_LE(alarm.rung[0], deadline + TimerWheel::kTick) << after.count();
  }
}

TEST(TimerWheel, HasNothingToDoWhileNoTimerIsSet) {
  TimerWheel wheel(kStart);
  EXPECT_FALSE(wheel.next());
  Alarm alarm;
  wheel.set(alarm, kStart + Duration{100});
  EXPECT_TRUE(wheel.next());
  wheel.cancel(alarm);
  EXPECT_FALSE(wheel.next());
  wheel.cancel(alarm);
  wheel.advance(kStart + Duration{1000});
  EXPECT_TRUE(alarm.rung.empty());
}

TEST(TimerWheel, ATimerThatHasRungIsNotSetAnyMore) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  wheel.set(alarm, kStart + Duration{100});
  run(wheel, kStart + Duration{200'000});
  EXPECT_EQ(alarm.rung.size(), 1u);
  EXPECT_FALSE(wheel.next());
}

TEST(TimerWheel, ADeadlineMovedLaterIsMetWhereItWasMovedTo) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  for (Duration after{1'000}; after <= Duration{30'000}; after += Duration{1'000}) wheel.set(alarm, kStart + after);
  run(wheel, kStart + Duration{29'999});
  EXPECT_TRUE(alarm.rung.empty());
  run(wheel, kStart + Duration{40'000});
  ASSERT_EQ(alarm.rung.size(), 1u);
  EXPECT_EQ(alarm.rung[0], kStart + Duration{30'000});
}

TEST(TimerWheel, ADeadlineMovedEarlierAfterOneMovedLaterIsMet) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  wheel.set(alarm, kStart + Duration{1'000});
  wheel.set(alarm, kStart + Duration{20'000});
  wheel.set(alarm, kStart + Duration{500});
  run(wheel, kStart + Duration{30'000});
  ASSERT_EQ(alarm.rung.size(), 1u);
  EXPECT_EQ(alarm.rung[0], kStart + Duration{500});
}

TEST(TimerWheel, ADeadlineBeyondTheWheelsHorizonIsMetWithoutSpinning) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  const Duration after = std::chrono::minutes{60};
  wheel.set(alarm, kStart + after);
  const int advances = run(wheel, kStart + after);
  ASSERT_EQ(alarm.rung.size(), 1u);
  EXPECT_EQ(alarm.rung[0], kStart + after);
  EXPECT_LE(advances, 100);  // once a round of 51.2 s, and not once a tick, which would be 72,000 times
}

TEST(TimerWheel, AJumpOverManyRoundsRingsWhatIsDueAndNothingElse) {
  TimerWheel wheel(kStart);
  std::vector<Alarm> due(200);
  std::vector<Alarm> later(200);
  for (std::size_t i = 0; i < due.size(); ++i) {
    wheel.set(due[i], kStart + Duration{1 + i * 1'800});
    wheel.set(later[i], kStart + Duration{400'000 + i * 1'800});
  }
  const TimePoint now = kStart + Duration{399'000};
  wheel.advance(now);
  for (const Alarm& alarm : due) ASSERT_EQ(alarm.rung, std::vector{now});
  for (const Alarm& alarm : later) EXPECT_TRUE(alarm.rung.empty());
  run(wheel, kStart + Duration{1'000'000});
  for (const Alarm& alarm : later) EXPECT_EQ(alarm.rung.size(), 1u);
}

TEST(TimerWheel, TimersMayBeSetAndCancelledWhileOneRings) {
  TimerWheel wheel(kStart);
  Alarm first;
  Alarm second;
  Alarm third;
  const TimePoint deadline = kStart + Duration{100};
  for (Alarm* alarm : {&first, &second}) {
    wheel.set(*alarm, deadline);
    alarm->then = [&, alarm] {
      wheel.cancel(alarm == &first ? second : first);  // of two that are due together, only one rings
      wheel.set(*alarm, deadline + Duration{1'000});
      wheel.set(third, deadline - Duration{50});  // in the past: rings at the next tick
      alarm->then = nullptr;
    };
  }
  run(wheel, kStart + Duration{10'000});
  EXPECT_EQ(std::max(first.rung.size(), second.rung.size()), 2u);
  EXPECT_EQ(std::min(first.rung.size(), second.rung.size()), 0u);
  EXPECT_EQ(third.rung.size(), 1u);
}

TEST(TimerWheel, ATimerThatSetsItselfAgainForThePastDoesNotHoldUpTheLoop) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  alarm.then = [&] { wheel.set(alarm, kStart); };
  wheel.set(alarm, kStart);
  wheel.advance(kStart + TimerWheel::kTick);
  EXPECT_EQ(alarm.rung.size(), 1u);
  wheel.advance(kStart + 2 * TimerWheel::kTick);
  EXPECT_EQ(alarm.rung.size(), 2u);
}

// --- Against a model that looks at every timer ----------------------------------------------------------------------

struct Expected {
  TimePoint deadline;
  TimePoint set_at;  // a timer set for the past rings at the next tick
};

void run_against_model(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](int most) { return std::uniform_int_distribution(0, most)(random); };
  TimePoint now = kStart + Duration{up_to(100)};
  TimerWheel wheel(now);
  std::vector<Alarm> alarms(40);
  std::vector<std::optional<Expected>> expected(alarms.size());

  for (int step = 0; step < 400; ++step) {
    const auto i = static_cast<std::size_t>(up_to(static_cast<int>(alarms.size()) - 1));
    switch (up_to(5)) {
      case 0:
        wheel.cancel(alarms[i]);
        expected[i].reset();
        break;
      case 1:
      case 2:
      case 3:
        expected[i] = {.deadline = now + Duration{up_to(9) == 0 ? up_to(300'000) : up_to(2'000)} - Duration{100},
                       .set_at = now};
        wheel.set(alarms[i], expected[i]->deadline);
        break;
      default:
        now += Duration{up_to(20) == 0 ? up_to(400'000) : up_to(300)};
        for (Alarm& alarm : alarms) alarm.rung.clear();
        wheel.advance(now);
        for (std::size_t k = 0; k < alarms.size(); ++k) {
          ASSERT_LE(alarms[k].rung.size(), expected[k] ? 1u : 0u) << "seed " << seed << ", step " << step;
          if (!expected[k]) continue;
          const bool rung = !alarms[k].rung.empty();
          const TimePoint last = std::max(expected[k]->deadline, expected[k]->set_at) + TimerWheel::kTick;
          ASSERT_TRUE(!rung || expected[k]->deadline <= now) << "early: seed " << seed << ", step " << step;
          ASSERT_TRUE(rung || last > now) << "late: seed " << seed << ", step " << step;
          if (rung) expected[k].reset();
        }
    }
    const auto next = wheel.next();
    ASSERT_EQ(next.has_value(), std::any_of(expected.begin(), expected.end(), [](const auto& e) { return !!e; }))
        << "seed " << seed << ", step " << step;
    for (const auto& one : expected) {
      if (!one) continue;
      ASSERT_LE(*next, std::max(one->deadline, one->set_at) + TimerWheel::kTick) << "seed " << seed;
    }
  }
}

TEST(TimerWheel, AgreesWithALookAtEveryTimer) {
  for (std::uint32_t seed = 1; seed <= 300 && !::testing::Test::HasFatalFailure(); ++seed) run_against_model(seed);
}

}  // namespace
}  // namespace millrace::test
