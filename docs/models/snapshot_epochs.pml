/* The clock of cuts (registry/snapshot_epochs.h), checked exhaustively by SPIN.
 *
 * One writer applies EVENTS events to one session, one refresher publishes CUTS cuts, one reader
 * answers from the newest cut twice. Statements are sequentially consistent here; the places where
 * the code is weaker than that are the numbered pairs in the header, each of which only needs
 * "who sees the later store sees the earlier ones".
 *
 * Claims:
 *   - an answer at cut E is the status after exactly the events that the cut contains (`counted`);
 *   - the reader never waits: it always gets an answer, with the writer or the refresher stopped
 *     anywhere (no blocking statement in the reader; adopted cuts are complete);
 *   - cuts that a reader sees never run backwards.
 *
 * -DBREAK_DEKKER leaves out the wait for the event in flight: SPIN must then find a wrong answer;
 * the test runs both.
 */
#ifndef EVENTS
#define EVENTS 4
#endif
#ifndef CUTS
#define CUTS 3
#endif

byte write_epoch = 1;      /* W */
byte published = 0;        /* P */
bit  in_flight = 0;
byte begun = 0;            /* events begun: tells one event in flight from the next */
byte sequence = 0;
byte last_epoch = 0;
byte cut_sequence[8];      /* by epoch */

/* The session: {epoch, now, before}; a status is the number of the event that set it. One atomic
 * word in the code, hence set in one step. */
byte r_epoch = 0;
byte r_now = 0;
byte r_before = 0;

active proctype Writer() {
  byte e, n;
  for (n : 1 .. EVENTS) {
    d_step { begun++; in_flight = 1 };                     /* (s1) */
    e = write_epoch;                                       /* (s2) */
    if
    :: e != last_epoch ->
       cut_sequence[e - 1] = sequence;                     /* (s10) */
       last_epoch = e                                      /* (s12) */
    :: else
    fi;
    d_step {
      if
      :: r_epoch < e -> r_before = r_now
      :: else
      fi;
      r_now = n;
      r_epoch = e
    };
    sequence = n;                                          /* (s5) */
    in_flight = 0                                          /* (s7) */
  }
}

inline adopt(e) {                                          /* (s9), a compare and exchange */
  d_step {
    if
    :: published < e -> published = e
    :: else
    fi
  }
}

active proctype Refresher() {
  byte c, epoch, seen_begun, counted;
  for (c : 1 .. CUTS) {
    epoch = write_epoch;
    write_epoch = epoch + 1;                               /* (s3) */
#ifndef BREAK_DEKKER
    seen_begun = begun;                                    /* (s4) */
    !(in_flight && begun == seen_begun);                   /* waits for that event only */
#endif
    counted = sequence;                                    /* (s6) */
    if
    :: last_epoch <= epoch -> cut_sequence[epoch] = counted   /* (s13) */
    :: else
    fi;
    adopt(epoch)
  }
}

active proctype Reader() {
  byte e, w_epoch, w_now, w_before, answer, previous = 0, previous_sequence = 0, round;
  for (round : 1 .. 2) {
    e = published;                                         /* (s8) */
again:
    skip;
    d_step { w_epoch = r_epoch; w_now = r_now; w_before = r_before };
    if
    :: w_epoch > e + 1 -> e = w_epoch - 1; adopt(e); goto again
    :: w_epoch == e + 1 -> answer = w_before
    :: else -> answer = w_now
    fi;
    /* Status n was set by event n, and every event changes this session: the answer of a cut that
     * contains k events must be k. */
    assert(answer == cut_sequence[e]);
    assert(e >= previous);
    assert(cut_sequence[e] >= previous_sequence);
    previous = e;
    previous_sequence = cut_sequence[e]
  }
}
