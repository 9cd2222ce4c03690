// The maps that a C++ engineer would reach for, on the registry's job.
#ifndef SESSION_STATUS_BENCH_REGISTRY_RIVALS_H_
#define SESSION_STATUS_BENCH_REGISTRY_RIVALS_H_

#include <tbb/concurrent_hash_map.h>

#include <atomic>
#include <cstdlib>
#include <libcuckoo/cuckoohash_map.hh>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "bench/registry/clients.h"
#include "bench/registry/whole_job.h"

#if __has_include(<boost/unordered/concurrent_flat_map.hpp>)
#include <boost/unordered/concurrent_flat_map.hpp>
#define SESSION_STATUS_BENCH_BOOST_MAP 1
#endif

#define RCU_MEMB
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/rculfhash.h>
#include <urcu/urcu-memb.h>

namespace session_status::bench {

class SpinLock {
 public:
  void lock() {
    while (locked_.exchange(true, std::memory_order_acquire)) {
      while (locked_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
    }
  }
  void unlock() { locked_.store(false, std::memory_order_release); }
  void lock_shared() { lock(); }
  void unlock_shared() { unlock(); }

 private:
  std::atomic<bool> locked_{false};
};

class AbslLock {
 public:
  void lock() { mu_.Lock(); }
  void unlock() { mu_.Unlock(); }
  void lock_shared() { mu_.ReaderLock(); }
  void unlock_shared() { mu_.ReaderUnlock(); }

 private:
  absl::Mutex mu_;
};

// 64 shards of absl::flat_hash_map, each under a lock of its own.
template <typename Lock, typename Job = StateOnly>
class ShardedFlatMap : public Table {
 public:
  explicit ShardedFlatMap(const char* name) : name_(name) {}
  const char* name() const override { return name_; }
  bool keeps_all() const override { return Job::kKeepsAll; }

  void Connect(absl::string_view id, uint64_t incarnation, uint64_t now_ms) override {
    Write({Key(id), id, true, incarnation, now_ms});
  }
  void End(absl::string_view id, uint64_t incarnation, uint64_t now_ms) override {
    Write({Key(id), id, false, incarnation, now_ms});
  }
  bool Find(absl::string_view id) override {
    const Key key(id);
    return Read(key, HashOf(key));
  }
  size_t Batch(absl::Span<const absl::string_view> ids, bool* online) override {
    constexpr size_t kGroup = 16;
    std::array<Key, kGroup> keys;
    std::array<size_t, kGroup> hashes;
    size_t count = 0;
    for (size_t at = 0; at < ids.size(); at += kGroup) {
      const size_t n = std::min(kGroup, ids.size() - at);
      for (size_t i = 0; i < n; ++i) {
        keys[i] = Key(ids[at + i]);
        hashes[i] = HashOf(keys[i]);
        shard(hashes[i]).map.prefetch(keys[i]);
      }
      for (size_t i = 0; i < n; ++i) count += online[at + i] = Read(keys[i], hashes[i]);
    }
    return count;
  }

 private:
  struct alignas(128) Shard {
    Lock lock;
    absl::flat_hash_map<Key, typename Job::Entry, KeyHash> map;
  };
  Shard& shard(size_t hash) { return shards_[hash >> 58]; }
  void Write(const Event& event) {
    Shard& s = shard(HashOf(event.key));
    std::lock_guard<Lock> guard(s.lock);
    job_.Apply(event, &s.map[event.key]);
  }
  bool Read(const Key& key, size_t hash) {
    Shard& s = shard(hash);
    std::shared_lock<Lock> guard(s.lock);
    const auto found = s.map.find(key, hash);
    return found != s.map.end() && found->second.online();
  }

  const char* name_;
  Job job_;
  std::array<Shard, 64> shards_;
};

// The rest have no prefetch: a batch is a loop.
class LoopBatch : public Table {
 public:
  size_t Batch(absl::Span<const absl::string_view> ids, bool* online) override {
    size_t count = 0;
    for (size_t i = 0; i < ids.size(); ++i) count += online[i] = Find(ids[i]);
    return count;
  }
  void Connect(absl::string_view id, uint64_t incarnation, uint64_t now_ms) override {
    Write({Key(id), id, true, incarnation, now_ms});
  }
  void End(absl::string_view id, uint64_t incarnation, uint64_t now_ms) override {
    Write({Key(id), id, false, incarnation, now_ms});
  }

 protected:
  virtual void Write(const Event& event) = 0;
};

class UnorderedMap : public LoopBatch {
 public:
  const char* name() const override { return "std::unordered_map + std::mutex"; }
  bool Find(absl::string_view id) override {
    const Key key(id);
    std::lock_guard<std::mutex> guard(mu_);
    const auto found = map_.find(key);
    return found != map_.end() && found->second.online();
  }

 private:
  void Write(const Event& event) override {
    std::lock_guard<std::mutex> guard(mu_);
    StateOnly::Apply(event, &map_[event.key]);
  }
  std::mutex mu_;
  std::unordered_map<Key, Value, KeyHash> map_;
};

class TbbMap : public LoopBatch {
 public:
  const char* name() const override { return "oneTBB concurrent_hash_map"; }
  bool Find(absl::string_view id) override {
    Map::const_accessor found;
    return map_.find(found, Key(id)) && found->second.online();
  }

 private:
  struct Compare {
    static size_t hash(const Key& key) { return HashOf(key); }
    static bool equal(const Key& a, const Key& b) { return a == b; }
  };
  using Map = tbb::concurrent_hash_map<Key, Value, Compare>;
  void Write(const Event& event) override {
    Map::accessor place;
    map_.insert(place, event.key);
    StateOnly::Apply(event, &place->second);
  }
  Map map_;
};

template <typename Job = StateOnly>
class CuckooMap : public LoopBatch {
 public:
  explicit CuckooMap(const char* name) : name_(name) {}
  const char* name() const override { return name_; }
  bool keeps_all() const override { return Job::kKeepsAll; }
  bool Find(absl::string_view id) override {
    bool online = false;
    map_.find_fn(Key(id), [&](const Value& v) { online = v.online(); });
    return online;
  }

 private:
  void Write(const Event& event) override {
    const auto apply = [&](typename Job::Entry& entry) { job_.Apply(event, &entry); };
    if (map_.update_fn(event.key, apply)) return;
    typename Job::Entry fresh;
    job_.Apply(event, &fresh);
    map_.insert(event.key, std::move(fresh));
  }
  const char* name_;
  Job job_;
  libcuckoo::cuckoohash_map<Key, typename Job::Entry, KeyHash> map_;
};

#ifdef SESSION_STATUS_BENCH_BOOST_MAP
class BoostMap : public LoopBatch {
 public:
  const char* name() const override { return "boost::concurrent_flat_map"; }
  bool Find(absl::string_view id) override {
    bool online = false;
    map_.cvisit(Key(id), [&](const auto& x) { online = x.second.online(); });
    return online;
  }

 private:
  void Write(const Event& event) override {
    Value fresh;
    StateOnly::Apply(event, &fresh);
    map_.insert_or_visit({event.key, fresh}, [&](auto& x) { StateOnly::Apply(event, &x.second); });
  }
  boost::concurrent_flat_map<Key, Value, KeyHash> map_;
};
#endif

// liburcu's lock-free hash table: the one rival whose writer nobody can hold up.
class UrcuMap : public LoopBatch {
 public:
  UrcuMap()
      : table_(cds_lfht_new_flavor(1 << 16, 1 << 10, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
                                   &urcu_memb_flavor, nullptr)) {}
  ~UrcuMap() override {
    EnterThread();
    cds_lfht_iter it;
    cds_lfht_node* node;
    urcu_memb_read_lock();
    cds_lfht_for_each(table_, &it, node) {
      cds_lfht_del(table_, node);
      doomed_.push_back(reinterpret_cast<Node*>(node));
    }
    urcu_memb_read_unlock();
    urcu_memb_synchronize_rcu();
    for (Node* n : doomed_) std::free(n);
    LeaveThread();
    cds_lfht_destroy(table_, nullptr);
  }
  const char* name() const override { return "liburcu rculfhash"; }
  bool writer_never_waits() const override { return true; }
  void EnterThread() override { urcu_memb_register_thread(); }
  void LeaveThread() override { urcu_memb_unregister_thread(); }
  bool Find(absl::string_view id) override {
    const Key key(id);
    urcu_memb_read_lock();
    const Node* const n = Lookup(key);
    const bool online =
        n != nullptr && (n->state_and_incarnation.load(std::memory_order_acquire) & 1) != 0;
    urcu_memb_read_unlock();
    return online;
  }

 private:
  struct Node {
    cds_lfht_node node;
    Key key;
    std::atomic<uint64_t> state_and_incarnation;
    std::atomic<uint64_t> connected_ms;
    std::atomic<uint64_t> ended_ms;
  };
  static int Match(cds_lfht_node* node, const void* key) {
    return reinterpret_cast<Node*>(node)->key == *static_cast<const Key*>(key);
  }
  Node* Lookup(const Key& key) {
    cds_lfht_iter it;
    cds_lfht_lookup(table_, HashOf(key), Match, &key, &it);
    return reinterpret_cast<Node*>(cds_lfht_iter_get_node(&it));
  }
  void Write(const Event& event) override {
    urcu_memb_read_lock();
    Node* n = Lookup(event.key);
    if (n == nullptr) {
      n = static_cast<Node*>(std::calloc(1, sizeof(Node)));
      cds_lfht_node_init(&n->node);
      n->key = event.key;
      cds_lfht_add(table_, HashOf(event.key), &n->node);
    }
    (event.online ? n->connected_ms : n->ended_ms).store(event.now_ms, std::memory_order_relaxed);
    n->state_and_incarnation.store(event.incarnation << 1 | (event.online ? 1 : 0),
                                   std::memory_order_release);
    urcu_memb_read_unlock();
  }
  cds_lfht* table_;
  std::vector<Node*> doomed_;
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_RIVALS_H_
