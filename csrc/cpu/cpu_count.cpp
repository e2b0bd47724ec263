#include "cpu/cpu_count.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace ckeras::cpu {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

int whole_cpus(double quota, double period) {
  if (quota <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::min((quota + period - 1) / period, 1e6)));
}

// Version 2: "max 100000" or "150000 100000".
int quota_v2(const std::string& directory) {
  std::istringstream text(read_text(directory + "/cpu.max"));
  double quota = 0, period = 0;
  return text >> quota >> period ? whole_cpus(quota, period) : 0;
}

// Version 1: -1 stands for none.
int quota_v1(const std::string& directory) {
  std::istringstream text(read_text(directory + "/cpu.cfs_quota_us") + " " +
                          read_text(directory + "/cpu.cfs_period_us"));
  double quota = 0, period = 0;
  return text >> quota >> period ? whole_cpus(quota, period) : 0;
}

// The least quota of a group and all above it. Inside a container the path may not exist below the mount: its levels
// are skipped.
int least_quota(const std::string& mount, std::string path, int (*quota_of)(const std::string&)) {
  int least = 0;
  while (true) {
    const int quota = quota_of(mount + path);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

bool lists_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

}  // namespace

int cgroup_quota(const std::string& groups, const std::string& root) {
  int least = 0;
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {  // hierarchy:controllers:path
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    int quota = 0;
    if (controllers.empty()) {
      quota = least_quota(root, path, quota_v2);
    } else if (lists_cpu(controllers)) {
      quota = least_quota(root + "/" + controllers, path, quota_v1);
      if (quota == 0) quota = least_quota(root + "/cpu", path, quota_v1);
    }
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  }
  return least;
}

int usable_cpus() {
  int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) count = std::max(1, CPU_COUNT(&allowed));
  const int quota = cgroup_quota(read_text("/proc/self/cgroup"), "/sys/fs/cgroup");
  if (quota > 0) count = std::min(count, quota);
#endif
  return count;
}

}  // namespace ckeras::cpu
