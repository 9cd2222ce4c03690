#include "plugin/transport/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace session_status::transport {

BufferBudget::BufferBudget(size_t bytes_max) : bytes_max_(bytes_max) {}

bool BufferBudget::Take(const BufferHolder& holder, size_t bytes) {
  const auto take = [bytes](std::atomic<size_t>& used, size_t room) {
    return used.fetch_add(bytes, std::memory_order_relaxed) + bytes <= room;
  };
  bool fits =
      holder.address_bytes == nullptr || take(*holder.address_bytes, bytes_max_ / kAddressShare);
  for (auto i = static_cast<size_t>(holder.standing); i < kStandings; ++i) {
    const size_t room = RoomOf(static_cast<Standing>(i), bytes_max_, bytes_max_ / kReserveShare);
    fits = take(used_[i], room) && fits;
  }
  if (!fits) Return(holder, bytes);
  return fits;
}

void BufferBudget::Return(const BufferHolder& holder, size_t bytes) {
  if (holder.address_bytes != nullptr) {
    holder.address_bytes->fetch_sub(bytes, std::memory_order_relaxed);
  }
  for (auto i = static_cast<size_t>(holder.standing); i < kStandings; ++i) {
    used_[i].fetch_sub(bytes, std::memory_order_relaxed);
  }
}

int BufferPool::ClassOf(size_t bytes) {
  return static_cast<int>(std::bit_width(std::max(bytes, kBlockBytesMin) - 1));
}

char* BufferPool::Acquire(const BufferHolder& holder, size_t bytes, size_t* block_bytes) {
  const int size_class = ClassOf(bytes);
  const size_t block_size = size_t{1} << size_class;
  if (!budget_.Take(holder, block_size)) return nullptr;
  std::vector<std::unique_ptr<char[]>>& free = free_[static_cast<size_t>(size_class)];
  if (free.empty()) {
    char* block = new (std::nothrow) char[block_size];
    if (block == nullptr) {
      budget_.Return(holder, block_size);
      return nullptr;
    }
    // Release() must not allocate: room for one more free block is made here.
    try {
      free.reserve(free.size() + 1);
    } catch (...) {
      delete[] block;
      budget_.Return(holder, block_size);
      return nullptr;
    }
    *block_bytes = block_size;
    return block;
  }
  char* block = free.back().release();
  free.pop_back();
  kept_bytes_ -= block_size;
  *block_bytes = block_size;
  return block;
}

void BufferPool::Release(const BufferHolder& holder, char* block, size_t block_bytes) noexcept {
  budget_.Return(holder, block_bytes);
  std::unique_ptr<char[]> owned(block);
  std::vector<std::unique_ptr<char[]>>& free = free_[static_cast<size_t>(ClassOf(block_bytes))];
  if (kept_bytes_ + block_bytes > kKeptBytesMax || free.size() == free.capacity()) return;
  free.push_back(std::move(owned));
  kept_bytes_ += block_bytes;
}

bool Buffer::Reserve(size_t bytes) {
  if (room() >= bytes) return true;
  if (begin_ > 0 && block_bytes_ - size() >= bytes) {
    std::memmove(block_, block_ + begin_, size());
  } else {
    size_t block_bytes = 0;
    char* block = pool_.Acquire(holder_, size() + bytes, &block_bytes);
    if (block == nullptr) return false;
    const size_t kept = size();
    if (kept > 0) std::memcpy(block, block_ + begin_, kept);
    Release();
    block_ = block;
    block_bytes_ = block_bytes;
    end_ = kept;
    return true;
  }
  end_ -= begin_;
  begin_ = 0;
  return true;
}

bool Buffer::Append(absl::string_view bytes) {
  if (!Reserve(bytes.size())) return false;
  std::memcpy(room_data(), bytes.data(), bytes.size());
  Commit(bytes.size());
  return true;
}

void Buffer::Release() noexcept {
  if (block_ != nullptr) pool_.Release(holder_, block_, block_bytes_);
  block_ = nullptr;
  block_bytes_ = begin_ = end_ = 0;
}

}  // namespace session_status::transport
