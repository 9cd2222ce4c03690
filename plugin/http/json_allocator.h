// What RapidJSON takes its memory from. It looks at no result of an allocation: with its own
// allocator, and none to be had, it writes to address 0. This one throws std::bad_alloc instead.
//
// Every writer, reader and document of RapidJSON in the plugin is one of the types below, or has
// JsonAllocator where it takes an allocator. None of RapidJSON's destructors allocates, and its
// parsers clear their stacks when something throws through them.
//
// Threads: any; no state.
#ifndef SESSION_STATUS_PLUGIN_HTTP_JSON_ALLOCATOR_H_
#define SESSION_STATUS_PLUGIN_HTTP_JSON_ALLOCATOR_H_

#include <rapidjson/allocators.h>
#include <rapidjson/encodings.h>
#include <rapidjson/fwd.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace session_status::http {

// RapidJSON's allocator concept.
class JsonAllocator {
 public:
  static constexpr bool kNeedFree = true;
  void* Malloc(size_t size) { return Realloc(nullptr, 0, size); }
  void* Realloc(void* memory, size_t, size_t size) {
    if (size == 0) {
      Free(memory);
      return nullptr;
    }
    void* const moved = std::realloc(memory, size);
    if (moved == nullptr) throw std::bad_alloc();  // `memory` is as it was
    return moved;
  }
  static void Free(void* memory) { std::free(memory); }
};

using JsonPool = rapidjson::MemoryPoolAllocator<JsonAllocator>;
using JsonValue = rapidjson::GenericValue<rapidjson::UTF8<>, JsonPool>;
using JsonDocument = rapidjson::GenericDocument<rapidjson::UTF8<>, JsonPool, JsonAllocator>;
using JsonReader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, JsonAllocator>;

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_JSON_ALLOCATOR_H_
