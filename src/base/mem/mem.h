// The only door to the heap. Every call passes fault point FAULT_ALLOC, so that tests can fail the
// n-th one.
#ifndef BASE_MEM_MEM_H
#define BASE_MEM_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);            // NULL if there is none; never for size 0
void *mem_zalloc(size_t size);           // zeroed
void *mem_realloc(void *p, size_t size); // p stays valid on NULL
void mem_free(void *p);                  // accepts NULL
char *mem_strdup(const char *s);
// Gives free pages of the heap back to the system: freed blocks that lie between others stay
// resident otherwise. Milliseconds for hundreds of MiB.
void mem_trim(void);
// What of the whole process is resident, in bytes; 0 if the system does not tell.
uint64_t mem_resident(void);

// Frees a local at the end of its scope: MEM_CLEANUP char *s = mem_strdup(…);
#define MEM_CLEANUP __attribute__((cleanup(mem_cleanup)))
static inline void mem_cleanup(void *pp) { mem_free(*(void **)pp); }

// A budget: bytes that its users together may hold. Thread-safe. Charging never blocks: over the
// limit it is refused.
struct budget {
    struct budget *parent; // charged too; NULL for the process budget
    atomic_size_t used;
    size_t limit; // bytes; 0 = no limit
};
void budget_init(struct budget *budget, struct budget *parent, size_t limit_bytes);
bool budget_charge(struct budget *budget, size_t bytes); // NULL budget: true
// Whether so much could be charged just now; a hint.
bool budget_fits(const struct budget *budget, size_t bytes); // NULL budget: true
void budget_release(struct budget *budget, size_t bytes);

#endif
