#include "plugin/fleet/reply_arena.h"

#include <hiredis/hiredis.h>

#include <cstring>
#include <new>

namespace session_status::fleet {
namespace {

constexpr size_t kFirstBytes = 64 << 10;

// hiredis is C: no exception may pass through it. nullptr ends the connection.
template <typename T>
T* Allocate(const redisReadTask* task, size_t count) noexcept {
  auto* memory = static_cast<std::pmr::memory_resource*>(task->privdata);
  try {
    return static_cast<T*>(memory->allocate(count * sizeof(T), alignof(T)));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

redisReply* NewReply(const redisReadTask* task, int type) noexcept {
  void* const place = Allocate<redisReply>(task, 1);
  if (place == nullptr) return nullptr;
  auto* const reply = new (place) redisReply();
  reply->type = type;
  return reply;
}

// Into the array that it is an element of, if it is.
void* Placed(const redisReadTask* task, redisReply* reply) noexcept {
  if (reply != nullptr && task->parent != nullptr) {
    static_cast<redisReply*>(task->parent->obj)->element[task->idx] = reply;
  }
  return reply;
}

void* NewString(const redisReadTask* task, char* text, size_t size) noexcept {
  redisReply* const reply = NewReply(task, task->type);
  if (reply == nullptr) return nullptr;
  reply->str = Allocate<char>(task, size + 1);
  if (reply->str == nullptr) return nullptr;
  std::memcpy(reply->str, text, size);
  reply->str[size] = '\0';
  reply->len = size;
  return Placed(task, reply);
}

// `Size`: int in Debian 12's hiredis, size_t in later ones.
template <typename Size>
void* NewArray(const redisReadTask* task, Size size) noexcept {
  redisReply* const reply = NewReply(task, task->type);
  if (reply == nullptr) return nullptr;
  if (size > 0) {
    reply->element = Allocate<redisReply*>(task, static_cast<size_t>(size));
    if (reply->element == nullptr) return nullptr;
  }
  reply->elements = static_cast<size_t>(size);
  return Placed(task, reply);
}

void* NewInteger(const redisReadTask* task, long long value) noexcept {
  redisReply* const reply = NewReply(task, task->type);
  if (reply == nullptr) return nullptr;
  reply->integer = value;
  return Placed(task, reply);
}

// A task of it has the type that the server left out: a string's, or an array's.
void* NewNil(const redisReadTask* task) noexcept {
  return Placed(task, NewReply(task, REDIS_REPLY_NIL));
}

redisReplyObjectFunctions kFunctions = {
    .createString = NewString,
    .createArray = NewArray,
    .createInteger = NewInteger,
    .createNil = NewNil,
    .freeObject = [](void*) {},
};

}  // namespace

ReplyArena::ReplyArena() : first_(kFirstBytes), memory_(first_.data(), first_.size()) {}

void ReplyArena::Attach(redisContext* context) {
  context->reader->fn = &kFunctions;
  context->reader->privdata = static_cast<std::pmr::memory_resource*>(&memory_);
}

}  // namespace session_status::fleet
