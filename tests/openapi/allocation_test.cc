// In the steady state a signed call allocates nothing, whichever way it is signed.
//
// A program of its own: it counts every `new` of the process. What OpenSSL allocates inside is not
// counted; it has its own allocator and its contexts are reused.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/openapi/test_server.h"

namespace {

bool counting = false;
int64_t allocations = 0;

void* Allocate(std::size_t size) {
  if (counting) ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace session_status::openapi {
namespace {

using ::session_status::testing::OwnedRequest;
using ::session_status::testing::ParameterMap;

class NoMeter : public limits::Meter {
 public:
  bool TryCount(const limits::Transaction&, absl::Time) override { return true; }
};

constexpr int kWarmUp = 50;
constexpr int kCounted = 200;

// How many of `kCounted` calls allocated, after a warm-up. `sign` makes the n-th request.
int64_t AllocationsOf(const std::function<OwnedRequest(int)>& sign) {
  const TestServerOptions defaults;
  TestServer server;
  // The fakes of the test server remember every call; these do not.
  SurfaceOptions options;
  options.batch_limit = options.address_limit = {1'000'000, 0};
  NoMeter meter;
  const InstanceMap instances(defaults.instances);
  registry::SessionRegistry registry;
  registry.PublishSnapshot(kNow);
  RegistrySource source(registry, instances);
  OpenApiSurface::Parts parts;
  parts.source = &source;
  parts.instances = &instances;
  parts.access = &server.access();
  parts.meter = &meter;
  OpenApiSurface surface(options, parts);
  http::Reply reply;
  for (int i = 0; i < kWarmUp + kCounted; ++i) {
    sign(i).With(kNow, server.peer, [&](const http::Request& request) {
      reply.Clear();
      counting = i >= kWarmUp;
      surface.Handle(request, &reply);
      counting = false;
    });
    EXPECT_EQ(reply.status, 200) << reply.body;
  }
  return std::exchange(allocations, 0);
}

ParameterMap Batch() {
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(absl::StrCat("GID_a@@@a device with a long name ", i));
  ParameterMap parameters = session_status::testing::BatchParameters(kInstance, ids);
  parameters["Action"] = "BatchQuerySessionByClientIds";
  return parameters;
}

// Room for a table that grows now and then: the nonces are remembered.
constexpr int64_t kGrowthMax = 40;

TEST(AllocationTest, ASignedCallOfAUserAllocatesNothing) {
  for (const char* user : {"owner", "reader"}) {
    SCOPED_TRACE(user);
    EXPECT_LE(AllocationsOf([user](int i) {
                return SignedRpc(TestServer::Key(user), Batch(), kNow, absl::StrCat("nonce-", i));
              }),
              kGrowthMax);
    EXPECT_LE(AllocationsOf([user](int i) {
                return SignedRpc(TestServer::Key(user), Batch(), kNow, absl::StrCat("nonce-", i),
                                 "POST", /*in_body=*/true);
              }),
              kGrowthMax);
    EXPECT_LE(AllocationsOf([user](int i) {
                return SignedAcs3(TestServer::Key(user), "BatchQuerySessionByClientIds", Batch(),
                                  kNow, absl::StrCat("nonce-", i));
              }),
              kGrowthMax);
  }
}

}  // namespace
}  // namespace session_status::openapi
