// Strings that many sessions share (user names, addresses), each kept once and counted.
//
// An entry has 32 bytes; strings over 16 bytes have their bytes in the LineStore. The table that
// finds equal strings grows by linear hashing, one bucket per new string: no event pays for a
// rehash.
//
// Threads:   Intern, Release: writer. Read: any.
// Consistency: as for the LineStore: a reader validates by the record that gave it the number.
#ifndef SESSION_STATUS_REGISTRY_STRING_POOL_H_
#define SESSION_STATUS_REGISTRY_STRING_POOL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "registry/client_id.h"
#include "registry/line_store.h"
#include "registry/reserved_memory.h"
#include "registry/session_record.h"

namespace session_status::registry {

class StringPool {
 public:
  // `hasher` and `lines` must outlive the pool.
  StringPool(uint32_t strings_max, const ClientIdHasher& hasher, LineStore& lines);

  // The number of `bytes`, with one reference more; 0 if there is no room. `guess`: a number in use
  // that may well be it (0: none), for it is compared first and spares the search.
  // REQUIRES: 1 to 65,535 bytes.
  uint32_t Intern(absl::string_view bytes, uint32_t guess);
  void Release(uint32_t number);

  void Read(uint32_t number, std::string* out) const;

  uint64_t size() const { return size_; }      // writer
  uint64_t references(uint32_t number) const;  // writer
  size_t ReservedBytes() const { return entries_.size() + buckets_.size(); }
  size_t TouchedBytes() const { return entries_.TouchedBytes() + buckets_.TouchedBytes(); }
  absl::Duration PopulateAhead(absl::Duration since_last);

 private:
  static constexpr size_t kInlineBytes = 16;
  struct Entry {
    Word meta;  // hash, upper 32 bits | length
    uint32_t references;
    uint32_t next;    // in the bucket, or in the list of free entries
    Word payload[2];  // the bytes, or the first line's number
  };
  static_assert(sizeof(Entry) == 32);

  Entry* entry(uint32_t n) const { return entries_.as<Entry>() + n; }
  uint32_t* bucket(uint32_t hash32) const;
  bool Holds(const Entry& e, absl::string_view bytes) const;
  void SplitOneBucket();

  const ClientIdHasher& hasher_;
  LineStore& lines_;
  ReservedMemory entries_;
  ReservedMemory buckets_;
  uint32_t entries_max_;
  uint32_t buckets_max_;
  uint32_t fresh_ = 1;
  uint32_t free_ = 0;
  uint32_t level_mask_ = 63;  // linear hashing: 64 buckets, doubled one by one
  uint32_t split_ = 0;        // buckets below this one are split already on this level
  uint64_t size_ = 0;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_STRING_POOL_H_
