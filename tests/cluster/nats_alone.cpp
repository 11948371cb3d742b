// Does NATS keep what it has acknowledged? Three nats-servers, and publishers through the C client; nothing of
// Millrace. A program to be run by hand: it exits with 1, and says what is wrong, if a message that was acknowledged is
// not at the sequence it was given, on any of the three. The last line is a row for the table in docs/stores.md.
//
//   millrace_nats_alone [FAULT [ROUNDS [PUBLISHERS [SYNC_INTERVAL]]]]
//
// FAULT: hang (the leader of the stream stops for a while, and goes on), kill (it is killed, and started again),
// kill-all (all three at once), or power (likewise, and each file is then what was last synced of it: synced_files.h).
// Or part (no byte passes between the leader and the others for a while), part-hears (the leader hears the others, and
// they do not hear it), part-speaks (the other way round), part-other (another server than the leader), members (the
// stream gets one replica, and three again), or part-members (likewise, while another server is parted).
// SYNC_INTERVAL: as in nats-server's configuration: always, or a time; `default` is two minutes (2.9 has no other).
#include <nats/nats.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "eventually.h"
#include "nats_cluster.h"
#include "synced_files.h"

namespace {

using millrace::test::eventually;
using millrace::test::NatsCluster;
using millrace::test::NatsServer;
using millrace::test::SyncedFiles;

constexpr const char* kStream = "hangs";
constexpr std::chrono::milliseconds kPace{5};
constexpr int kTimesAsked = 16;

void check(natsStatus status, const char* doing) {
  if (status == NATS_OK) return;
  std::fprintf(stderr, "%s: %s\n", doing, natsStatus_GetText(status));
  std::exit(2);
}

// A connection to JetStream, by any of the servers.
class Client {
 public:
  Client(NatsCluster& nats, std::size_t first) {
    std::vector<std::string> urls;
    for (std::size_t i = 0; i < NatsCluster::kServers; ++i)
      urls.push_back(nats[(first + i) % NatsCluster::kServers].url());
    std::vector<const char*> pointers;
    pointers.reserve(urls.size());
    for (const std::string& url : urls) pointers.push_back(url.c_str());
    natsOptions* options = nullptr;
    check(natsOptions_Create(&options), "options");
    natsOptions_SetServers(options, pointers.data(), static_cast<int>(pointers.size()));
    natsOptions_SetNoRandomize(options, true);
    natsOptions_SetMaxReconnect(options, -1);
    natsOptions_SetReconnectWait(options, 250);
    natsOptions_SetPingInterval(options, 1'000);
    natsOptions_SetMaxPingsOut(options, 2);
    check(natsConnection_Connect(&connection_, options), "cannot connect");
    natsOptions_Destroy(options);
    check(natsConnection_JetStream(&jetstream_, connection_, nullptr), "JetStream");
  }
  ~Client() {
    jsCtx_Destroy(jetstream_);
    natsConnection_Destroy(connection_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  jsCtx* operator*() const { return jetstream_; }

 private:
  natsConnection* connection_ = nullptr;
  jsCtx* jetstream_ = nullptr;
};

bool set_stream(const Client& client, std::int64_t replicas, bool is_new) {
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  const char* subjects[] = {"hangs.>"};
  config.Name = kStream;
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  config.Replicas = replicas;
  config.AllowDirect = true;
  const auto set = is_new ? js_AddStream : js_UpdateStream;
  return set(nullptr, *client, &config, nullptr, nullptr) == NATS_OK;
}

// Whether three servers have all of the stream, by what its leader says.
bool is_whole(const Client& client) {
  jsStreamInfo* info = nullptr;
  if (js_GetStreamInfo(&info, *client, kStream, nullptr, nullptr) != NATS_OK) return false;
  int current = 0;
  for (int i = 0; info->Cluster != nullptr && i < info->Cluster->ReplicasLen; ++i) {
    current += info->Cluster->Replicas[i]->Current ? 1 : 0;
  }
  jsStreamInfo_Destroy(info);
  return current == 2;
}

std::string leader_of(const Client& client) {
  jsStreamInfo* info = nullptr;
  if (js_GetStreamInfo(&info, *client, kStream, nullptr, nullptr) != NATS_OK) return {};
  std::string name = info->Cluster != nullptr && info->Cluster->Leader != nullptr ? info->Cluster->Leader : "";
  jsStreamInfo_Destroy(info);
  return name;
}

struct Acknowledged {
  std::string text;
  int round;
  std::chrono::milliseconds took;
};

class Publishing {
 public:
  explicit Publishing(NatsCluster& nats, std::size_t publishers) {
    for (std::size_t i = 0; i < publishers; ++i) threads_.emplace_back([this, &nats, i] { publish(nats, i); });
  }
  ~Publishing() { stop(); }
  void stop() {
    is_over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void set_round(int round) { round_ = round; }
  std::size_t count() const { return count_; }
  bool progress() const {
    const std::size_t enough = count_ + 100;
    return eventually([&] { return count_ >= enough; });
  }
  const std::multimap<std::uint64_t, Acknowledged>& acknowledged() const { return acknowledged_; }

 private:
  void publish(NatsCluster& nats, std::size_t publisher) {
    const Client client(nats, publisher);
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 5'000;
    for (std::size_t i = 0; !is_over_; ++i) {
      const std::string text = std::to_string(publisher) + "-" + std::to_string(i);
      const std::string subject = "hangs." + std::to_string(publisher);
      jsPubAck* ack = nullptr;
      const auto begun = std::chrono::steady_clock::now();
      const natsStatus status =
          js_Publish(&ack, *client, subject.c_str(), text.data(), static_cast<int>(text.size()), &options, nullptr);
      if (status == NATS_OK) {
        const std::lock_guard lock(mutex_);
        acknowledged_.emplace(ack->Sequence, Acknowledged{text, round_,
                                                          std::chrono::duration_cast<std::chrono::milliseconds>(
                                                              std::chrono::steady_clock::now() - begun)});
        ++count_;
        jsPubAck_Destroy(ack);
      }
      std::this_thread::sleep_for(kPace);
    }
  }

  std::atomic<bool> is_over_ = false;
  std::atomic<int> round_ = 0;
  std::atomic<std::size_t> count_ = 0;
  std::mutex mutex_;
  std::multimap<std::uint64_t, Acknowledged> acknowledged_;  // by sequence; guarded by mutex_
  std::vector<std::thread> threads_;
};

// What one of the servers, any, has there.
std::string at(const Client& client, std::uint64_t sequence) {
  natsMsg* message = nullptr;
  natsStatus status = NATS_OK;
  jsDirectGetMsgOptions options;
  jsDirectGetMsgOptions_Init(&options);
  options.Sequence = sequence;
  const bool is_answered = eventually([&] {
    status = js_DirectGetMsg(&message, *client, kStream, nullptr, &options);
    return status == NATS_OK || status == NATS_NOT_FOUND;
  });
  if (!is_answered || status != NATS_OK) return "nothing";
  std::string text(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
  natsMsg_Destroy(message);
  return text;
}

// What the servers have there, as far as it can be found out: which of them answers is drawn by lot.
std::set<std::string> everywhere_at(const Client& client, std::uint64_t sequence) {
  std::set<std::string> texts;
  for (int i = 0; i < kTimesAsked; ++i) texts.insert(at(client, sequence));
  return texts;
}

enum class Fault : std::uint8_t {
  kHang,
  kKill,
  kKillAll,
  kPower,
  kPart,
  kPartHears,
  kPartSpeaks,
  kPartOther,
  kMembers,
  kPartMembers
};

std::optional<Fault> fault_named(std::string_view name) {
  static const std::map<std::string_view, Fault> faults = {{"hang", Fault::kHang},
                                                           {"kill", Fault::kKill},
                                                           {"kill-all", Fault::kKillAll},
                                                           {"power", Fault::kPower},
                                                           {"part", Fault::kPart},
                                                           {"part-hears", Fault::kPartHears},
                                                           {"part-speaks", Fault::kPartSpeaks},
                                                           {"part-other", Fault::kPartOther},
                                                           {"members", Fault::kMembers},
                                                           {"part-members", Fault::kPartMembers}};
  const auto found = faults.find(name);
  return found == faults.end() ? std::nullopt : std::optional(found->second);
}

void fail_the_leader(NatsCluster& nats, Client& client, Publishing& publishing, bool kills) {
  std::string leader;
  eventually([&] { return !(leader = leader_of(client)).empty(); });
  NatsServer& server = nats.named(leader);
  kills ? server.kill() : server.freeze(true);
  const bool survives = publishing.progress();
  kills ? server.start() : server.freeze(false);
  std::printf("%s %s%s", leader.c_str(), kills ? "was killed" : "hung",
              survives ? "" : ", nothing was acknowledged without it");
}

void kill_all(NatsCluster& nats, Publishing& publishing, bool cuts_power) {
  std::vector<std::unique_ptr<SyncedFiles>> disks;
  for (std::size_t i = 0; i < NatsCluster::kServers && cuts_power; ++i) {
    disks.push_back(std::make_unique<SyncedFiles>(nats[i].process(), nats[i].store()));
  }
  publishing.progress();
  for (std::size_t i = 0; i < NatsCluster::kServers; ++i) nats[i].signal(SIGKILL);
  for (std::size_t i = 0; i < NatsCluster::kServers; ++i) nats[i].kill();
  for (const auto& disk : disks) disk->lose_the_rest();
  for (std::size_t i = 0; i < NatsCluster::kServers; ++i) nats[i].start();
  std::printf("%s", cuts_power ? "all lost their power" : "all were killed");
}

NatsServer& leader_in(NatsCluster& nats, const Client& client) {
  std::string leader;
  eventually([&] { return !(leader = leader_of(client)).empty(); });
  return nats.named(leader);
}

// Not the first, by which changes are asked for.
NatsServer& other_than(NatsCluster& nats, const NatsServer& server) {
  return &nats[2] == &server ? nats[1] : nats[2];
}

void part(NatsCluster& nats, const Client& client, Publishing& publishing, Fault fault) {
  NatsServer& leader = leader_in(nats, client);
  NatsServer& parted = fault == Fault::kPartOther ? other_than(nats, leader) : leader;
  const auto how = fault == Fault::kPartHears    ? NatsCluster::Parted::kHearsOnly
                   : fault == Fault::kPartSpeaks ? NatsCluster::Parted::kSpeaksOnly
                                                 : NatsCluster::Parted::kCompletely;
  nats.part(parted, true, how);
  const bool survives = publishing.progress();
  nats.part(parted, false);
  std::printf("%s was parted%s", &parted == &leader ? "the leader" : "another",
              survives ? "" : ", nothing was acknowledged meanwhile");
}

// A change may be refused while another is under way, or be made without an answer.
void change_members(NatsCluster& nats, const Client& client, Publishing& publishing, bool parts) {
  NatsServer& parted = other_than(nats, leader_in(nats, client));
  if (parts) nats.part(parted, true);
  const bool is_one = eventually([&] { return set_stream(client, 1, false); });
  publishing.progress();
  const bool is_three = eventually([&] { return set_stream(client, 3, false); });
  publishing.progress();
  if (parts) nats.part(parted, false);
  const bool has_all = eventually([&] { return is_whole(client); });
  std::printf("one replica%s, three%s%s", is_one ? "" : " (refused)", is_three ? "" : " (refused)",
              has_all ? "" : ", which do not become whole");
}

bool is_of_parting(Fault fault) {
  return fault == Fault::kPart || fault == Fault::kPartHears || fault == Fault::kPartSpeaks ||
         fault == Fault::kPartOther;
}

}  // namespace

int main(int count, char** arguments) try {
  const std::string_view name = count > 1 ? arguments[1] : "hang";
  const auto fault = fault_named(name);
  if (!fault) {
    std::fprintf(stderr,
                 "unknown fault; expected hang, kill, kill-all, power, part, part-hears, part-speaks, part-other, "
                 "members or part-members\n");
    return 2;
  }
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 20;
  const std::size_t publishers = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 12;
  const std::string sync = count > 4 ? arguments[4] : "default";
  NatsCluster nats(sync == "default" ? "" : "sync_interval: " + sync,
                   is_of_parting(*fault) || *fault == Fault::kPartMembers);
  auto client = std::make_unique<Client>(nats, 0);
  if (!eventually([&] { return set_stream(*client, 3, true); })) check(NATS_TIMEOUT, "the stream cannot be made");
  Publishing publishing(nats, publishers);
  for (int round = 1; round <= rounds; ++round) {
    publishing.set_round(round);
    std::printf("round %d: ", round);
    if (*fault == Fault::kHang || *fault == Fault::kKill) {
      fail_the_leader(nats, *client, publishing, *fault == Fault::kKill);
    } else if (is_of_parting(*fault)) {
      part(nats, *client, publishing, *fault);
    } else if (*fault == Fault::kMembers || *fault == Fault::kPartMembers) {
      change_members(nats, *client, publishing, *fault == Fault::kPartMembers);
    } else {
      kill_all(nats, publishing, *fault == Fault::kPower);
    }
    const bool goes_on = publishing.progress();
    std::printf("%s, %zu acknowledged\n", goes_on ? "" : ", nothing was acknowledged with it", publishing.count());
    std::fflush(stdout);
    if (!goes_on) break;
  }
  publishing.stop();
  if (publishing.count() == 0) check(NATS_TIMEOUT, "nothing was acknowledged at all");
  client = std::make_unique<Client>(nats, 0);
  // One that was started last has to learn what the others have.
  const auto& newest = *publishing.acknowledged().rbegin();
  eventually([&] { return everywhere_at(*client, newest.first) == std::set{newest.second.text}; });
  std::size_t wrong = 0;
  std::uint64_t last = 0;
  for (const auto& [sequence, message] : publishing.acknowledged()) {
    const std::set<std::string> texts = everywhere_at(*client, sequence);
    const bool twice = sequence == last;
    last = sequence;
    if (texts == std::set{message.text} && !twice) continue;
    ++wrong;
    std::string is;
    for (const std::string& text : texts) is += (is.empty() ? "\"" : " or \"") + text + '"';
    std::printf("sequence %llu was acknowledged to be \"%s\" in round %d after %lld ms, and is %s%s\n",
                static_cast<unsigned long long>(sequence), message.text.c_str(), message.round,
                static_cast<long long>(message.took.count()), is.c_str(), twice ? " (acknowledged twice)" : "");
  }
  std::printf("%zu of %zu acknowledged messages are not where they were said to be\n", wrong, publishing.count());
  const auto [major, minor] = millrace::test::nats_version();
  std::printf("| %d.%d | %.*s, %d times | `%s` | %zu | %zu |\n", major, minor, static_cast<int>(name.size()),
              name.data(), rounds, sync.c_str(), publishing.count(), wrong);
  return wrong == 0 ? 0 : 1;
} catch (const std::exception& failure) {
  std::fprintf(stderr, "%s\n", failure.what());
  return 2;
}
