// memory_orders CHECK          the orders in the code are strong enough
// memory_orders CHECK FILE OPERATION FROM TO TEXT
//                              with one of them weakened the check fails: that of the one line of
//                              FILE that has TEXT in it
// memory_orders CHECK sites    the operations that the check meets
//
// All in the top folder of the sources.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "tests/registry/orders/checks.h"

namespace session_status::orders {
namespace {

const char* const kOrders[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
const char* const kOperations[] = {"load", "store", "exchange"};

template <size_t kCount>
int NumberOf(const char* const (&names)[kCount], const char* name) {
  for (size_t i = 0; i < kCount; ++i) {
    if (std::strcmp(names[i], name) == 0) return static_cast<int>(i);
  }
  std::fprintf(stderr, "what is %s?\n", name);
  std::exit(2);
}

// The line of `file` with `text` in it; there must be just one.
int LineOf(const char* file, const char* text) {
  std::ifstream in(file);
  int found = 0, number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find(text) == std::string::npos) continue;
    if (found != 0) found = -1;
    if (found == 0) found = number;
  }
  if (found > 0) return found;
  std::fprintf(stderr, "%s has %s line with %s\n", file, found == 0 ? "no" : "more than one", text);
  std::exit(2);
}

int Run(int argc, char** argv) {
  const NamedCheck* named = nullptr;
  for (const NamedCheck& c : kChecks) {
    if (argc > 1 && std::strcmp(c.name, argv[1]) == 0) named = &c;
  }
  if (named == nullptr || (argc != 2 && argc != 3 && argc != 7)) {
    std::fprintf(stderr, "usage: memory_orders CHECK [sites | FILE OPERATION FROM TO TEXT]\n");
    return 2;
  }
  Weakening weakening;
  if (argc == 7) {
    weakening.file = argv[2];
    weakening.operation = static_cast<Operation>(NumberOf(kOperations, argv[3]));
    weakening.from = static_cast<std::memory_order>(NumberOf(kOrders, argv[4]));
    weakening.to = static_cast<std::memory_order>(NumberOf(kOrders, argv[5]));
    weakening.line = LineOf(argv[2], argv[6]);
  }
  const Search& search = named->search;
  const std::unique_ptr<Check> check = named->make();
  const Outcome outcome = Simulate(check.get(), search, argc == 7 ? &weakening : nullptr);
  if (argc == 3) {
    for (const SeenSite& s : outcome.sites) {
      std::printf("%s:%d %s %s\n", s.file.c_str(), s.line,
                  kOperations[static_cast<int>(s.operation)], kOrders[static_cast<int>(s.order)]);
    }
  }
  std::printf("%s%s after %" PRIu64 " executions\n", outcome.trace.c_str(),
              outcome.failed ? outcome.what.c_str() : "holds", outcome.executions);
  if (argc != 7) return outcome.failed ? 1 : 0;
  if (!outcome.weakened) {
    std::printf("no such operation was met\n");
    return 1;
  }
  return outcome.failed ? 0 : 1;
}

}  // namespace
}  // namespace session_status::orders

int main(int argc, char** argv) { return session_status::orders::Run(argc, argv); }
