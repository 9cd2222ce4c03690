/* A look-up beside splits of pages and segments, packing, and reuse of segments
 * (registry/session_index.h), checked by SPIN.
 *
 * The client X is there all the time. A segment has two pages, the first always in use; a page has
 * two positions, each a tag and a slot; a slot is {identity, id}. One word, the entry, says which
 * segment X's hash leads to, at what depth, and whether its second page is in use. At each depth X
 * belongs to the first or to the second page, whatever SPIN chooses. The writer, again and again:
 * splits the page of X, which moves X to the second page, or, packing, to the other position of the
 * first; then splits the segment, into the one that the last split of a segment left empty.
 *
 * Claims:
 *   - a look-up never misses X (a miss is only believed when the entry is unchanged);
 *   - a hit is a slot that held X at the moment of its last check;
 *   - the reader never waits for the writer: with the writer stopped anywhere, one more round ends
 *     the look-up (the assertion on `rounds`: three steps of a split can make a reader start over).
 *
 * -DBREAK_CHECK believes every miss, -DBREAK_ORDER takes the old place away before the entry says
 * so, -DBREAK_TURN packs without a change of the entry: SPIN must then find a missed X. The test
 * runs all four.
 */
#ifndef SPLITS
#define SPLITS 2
#endif

#define X 1
#define OTHER 2

/* The entry: depth, segment, turned, second page in use. */
#define ENTRY(depth, segment) ((depth) * 8 + (segment) * 4)
#define DEPTH(entry) ((entry) / 8)
#define SEGMENT(entry) (((entry) / 4) % 2)
#define TURNED 2
#define SECOND 1

byte entry = ENTRY(0, 0);
bit  second[SPLITS + 1];   /* by depth: X belongs to the second page, if that is in use */
bit  tag[8];               /* by segment, page, position: the position has X's tag */
byte slot_of[8];           /* which slot the position names */
byte identity[3];          /* of a slot: odd = alive */
byte id[3];                /* of a slot */

init {
  byte d;
  for (d : 0 .. SPLITS) {
    if
    :: second[d] = 0
    :: second[d] = 1
    fi
  }
  atomic {
    tag[0] = 1; slot_of[0] = 0; identity[0] = 1; id[0] = X;
    run Writer();
    run Reader()
  }
}

proctype Writer() {
  byte depth, segment = 0, at = 0, to, slot = 0, next, changed;
  for (depth : 0 .. SPLITS - 1) {
    /* The page of X is split. */
    changed = entry + SECOND;
    if
    :: second[depth] -> to = segment * 4 + 2
    :: else ->
       entry = changed;                                    /* (i4): what X does not go with */
       to = segment * 4 + 1 - at % 2;                      /* packing */
#ifndef BREAK_TURN
       changed = changed + TURNED
#endif
    fi;
#ifdef BREAK_ORDER
    tag[at] = 0; identity[slot]++;
#endif
    next = (slot + 1) % 3;                                 /* CopySlot, then its life begins */
    slot_of[to] = next;
    id[next] = X;
    identity[next]++;
    tag[to] = 1;                                           /* (i6) */
    entry = changed;                                       /* (i4) */
#ifndef BREAK_ORDER
    tag[at] = 0;                                           /* (i6) */
    identity[slot]++;                                      /* EndLife */
#endif
    id[slot] = OTHER;                                      /* somebody else's words */
    at = to;
    slot = next;

    /* Its segment is split: the page becomes the first one of the other segment. */
    segment = 1 - segment;
    to = segment * 4 + at % 2;
    slot_of[to] = slot;
    tag[to] = 1;                                           /* (i6) */
    entry = ENTRY(depth + 1, segment);                     /* (i4) */
    tag[at] = 0;
    at = to
  }
}

proctype Reader() {
  byte seen, page, i, life, rounds = 0;
  bit found = 0, raced;
again:
  rounds++;
  raced = 0;
  seen = entry;                                            /* (i3) */
  page = SEGMENT(seen) * 4;
  if
  :: seen % 2 == SECOND && second[DEPTH(seen)] -> page = page + 2
  :: else
  fi;
  for (i : page .. page + 1) {
    if
    :: !found && tag[i] ->                                 /* (i5) */
       life = identity[slot_of[i]];                        /* (r1) */
       if
       :: life % 2 == 1 ->
          if
          :: id[slot_of[i]] == X ->                        /* (r2) */
             if
             :: identity[slot_of[i]] == life -> found = 1
             :: else -> raced = 1
             fi
          :: else
          fi
       :: else
       fi
    :: else
    fi
  }
  if
  :: found
  :: raced -> goto again
  :: else ->
#ifndef BREAK_CHECK
     if
     :: entry != seen -> goto again                        /* (i3) */
     :: entry == seen
     fi;
#endif
     /* the miss is believed */
     assert(false)
  fi;
  assert(rounds <= 1 + 3 * SPLITS + 1)
}
