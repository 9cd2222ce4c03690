// A few objects kept for reuse by any thread, so that the steady state allocates nothing.
//
// Threads:   any; lock-free but for the allocation of an object when the pool is empty.
// Ownership: a Lease gives its object back when it goes, and goes before the pool.
// Errors:    a Lease is false, and holds nothing, where the pool was empty and `make` made nothing.
#ifndef SESSION_STATUS_PLUGIN_OS_OBJECT_POOL_H_
#define SESSION_STATUS_PLUGIN_OS_OBJECT_POOL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace session_status::os {

template <typename T, typename Deleter = std::default_delete<T>>
class ObjectPool {
 public:
  using Pointer = std::unique_ptr<T, Deleter>;

  class Lease {
   public:
    Lease(ObjectPool& pool, Pointer object) : pool_(pool), object_(std::move(object)) {}
    ~Lease() { pool_.Return(std::move(object_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    explicit operator bool() const { return object_ != nullptr; }
    T* get() const { return object_.get(); }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_.get(); }

   private:
    ObjectPool& pool_;
    Pointer object_;
  };

  explicit ObjectPool(std::function<Pointer()> make) : make_(std::move(make)) {}
  ~ObjectPool() {
    // relaxed: nobody else uses the pool any more.
    for (auto& slot : slots_) Pointer(slot.load(std::memory_order_relaxed));
  }
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;

  Lease Take() {
    for (auto& slot : slots_) {
      // relaxed: a glance that saves the exchange on empty slots.
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      // (1) acquire; pairs with (2): what the last user did to the object is done.
      T* object = slot.exchange(nullptr, std::memory_order_acquire);
      if (object != nullptr) return Lease(*this, Pointer(object));
    }
    return Lease(*this, make_());
  }

 private:
  void Return(Pointer object) {
    for (auto& slot : slots_) {
      T* expected = nullptr;
      // (2) release; pairs with (1).
      if (slot.compare_exchange_strong(expected, object.get(), std::memory_order_release,
                                       std::memory_order_relaxed)) {
        object.release();
        return;
      }
    }
  }

  static constexpr size_t kSlots = 8;  // as many as listener threads are sensible

  const std::function<Pointer()> make_;
  std::array<std::atomic<T*>, kSlots> slots_{};
};

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_OBJECT_POOL_H_
