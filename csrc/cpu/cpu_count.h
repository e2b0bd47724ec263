// How many processors this process may use.
#pragma once
#include <string>

namespace ckeras::cpu {

// The lesser of the affinity mask and the quota of the control groups (versions 1 and 2), rounded up; at least 1.
int usable_cpus();

// The quota in whole processors, rounded up, or 0 for none. `groups` is the text of /proc/self/cgroup, `root` the
// directory where the hierarchies are mounted; every group from the process's own up to the root counts.
int cgroup_quota(const std::string& groups, const std::string& root);

}  // namespace ckeras::cpu
