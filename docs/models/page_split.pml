/* A look-up beside splits and reuse of pages (registry/session_index.h), checked by SPIN.
 *
 * One directory entry leads to a page; the client X is there all the time. The writer splits the
 * page again and again: it fills a fresh page, links it, retires the old one and frees its slot, and
 * uses the retired page for the next split. A slot is {identity, id}; a page is {version, tag, slot}.
 *
 * Claims:
 *   - a look-up never misses X (a miss is only believed when entry and version are unchanged);
 *   - a hit is a slot that held X at the moment of its last check;
 *   - the reader never waits for the writer: with the writer stopped anywhere, one more round ends
 *     the look-up (the assertion on `rounds`, which only grows when the writer has moved).
 *
 * -DBREAK_VERSION leaves out the version check, -DBREAK_ORDER retires the old page before the new
 * one is linked: SPIN must then find a missed X. The test runs all three.
 */
#ifndef SPLITS
#define SPLITS 3
#endif

#define X 1
#define OTHER 2

byte entry = 0;            /* directory: number of the page */
byte version[2];           /* of a page's life */
bit  tag[2];               /* the page has a slot with X's tag */
byte slot_of[2];           /* which slot the page names */
byte identity[2];          /* of a slot: odd = alive */
byte id[2];                /* of a slot */
byte moves = 0;            /* steps of the writer that can make a reader start over */

init {
  atomic {
    tag[0] = 1; slot_of[0] = 0; identity[0] = 1; id[0] = X;
    run Writer();
    run Reader()
  }
}

proctype Writer() {
  byte from = 0, to, n;
  for (n : 1 .. SPLITS) {
    to = 1 - from;
#ifdef BREAK_ORDER
    version[from]++; tag[from] = 0; identity[slot_of[from]]++;
#endif
    /* CopySlot: the other slot, then its life begins. */
    slot_of[to] = to;
    id[to] = X;
    identity[to]++;
    tag[to] = 1;                                           /* (i8) */
    version[to]++;                                         /* (i6): filled */
    entry = to;                                            /* (i4) */
    moves++;
#ifndef BREAK_ORDER
    version[from]++;                                       /* (i6): retired */
    tag[from] = 0;
    identity[slot_of[from]]++;                             /* EndLife */
#endif
    moves++;
    id[slot_of[from]] = OTHER;                             /* leftovers, or somebody else's words */
    from = to
  }
}

proctype Reader() {
  byte p, v, s, life, seen_moves, rounds = 0;
  bit found = 0, candidate;
again:
  seen_moves = moves;
  rounds++;
  p = entry;                                               /* (i3) */
  v = version[p];                                          /* (i5) */
  candidate = tag[p];                                      /* (i7) */
  if
  :: candidate ->
     s = slot_of[p];
     life = identity[s];                                   /* (r1) */
     if
     :: life % 2 == 1 ->
        if
        :: id[s] == X ->                                   /* (r2) */
           if
           :: identity[s] == life -> found = 1
           :: else -> goto again                           /* kRaced */
           fi
        :: else
        fi
     :: else
     fi
  :: else
  fi;
  if
  :: found
  :: else ->
     if
     :: entry != p -> goto again                           /* (i3) */
#ifndef BREAK_VERSION
     :: entry == p && version[p] != v -> goto again        /* (i5) */
     :: entry == p && version[p] == v
#else
     :: entry == p
#endif
     fi;
     /* the miss is believed */
     assert(false)
  fi;
  assert(rounds <= 1 + 2 * SPLITS + 1)
}
