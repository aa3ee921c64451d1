;; Relaxed body canonicalization (MSG-11) of one slice of a body, in place, 16 octets at a time.
;;
;; JavaScript finds patterns well only with a native call for each line, which costs more than hashing the
;; line; a byte loop costs four times the hash. Most octets need no change: this looks at 16 of them in one
;; comparison and takes them one by one only where a run of white space or a line end asks for it.
;;
;; Memory: 0..19   state, kept by the caller between slices (five i32):
;;           0 lineLength  octets of the current line before this slice, its line end not counted
;;           4 pendingCr   1: the slice before ended with CR, not yet written
;;           8 pendingWsp  1: the slice before ended in white space, not yet written
;;          12 fault       0 none, 1 NUL, 2 bare CR, 3 bare LF, 4 line over 998 octets
;;          16 faultAt     offset of the fault in this slice; -1 is the last octet of the slice before
;;         63        output; it never overtakes the input
;;         64        input
(module
  (memory (export "memory") 2)

  ;; (canonicalize length) -> octets of output
  (func (export "canonicalize") (param $length i32) (result i32)
    (local $in i32) (local $end i32) (local $out i32) (local $lineStart i32)
    (local $cr i32) (local $wsp i32)                    ;; was the octet before a CR, white space?
    (local $v v128) (local $sp i32) (local $crs i32) (local $lfs i32) (local $before i32)
    (local $stop i32) (local $c i32)
    (local.set $in (i32.const 64))
    (local.set $out (i32.const 63))
    (local.set $end (i32.add (local.get $in) (local.get $length)))
    (local.set $lineStart (i32.sub (local.get $in) (i32.load (i32.const 0))))
    (local.set $cr (i32.load (i32.const 4)))
    (local.set $wsp (i32.load (i32.const 8)))
    (if (local.get $cr) (then
      (i32.store8 (local.get $out) (i32.const 13))
      (local.set $out (i32.add (local.get $out) (i32.const 1)))
      (local.set $lineStart (i32.sub (local.get $lineStart) (i32.const 1)))))
    (if (local.get $wsp) (then
      (i32.store8 (local.get $out) (i32.const 32))
      (local.set $out (i32.add (local.get $out) (i32.const 1)))))

    (block $fault
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
          (local.set $stop (i32.add (local.get $in) (i32.const 1)))
          (if (i32.le_u (i32.add (local.get $in) (i32.const 16)) (local.get $end)) (then
            (local.set $v (v128.load (local.get $in)))
            ;; nothing up to SP in these 16 octets, nothing pending before them: they stand as they are
            (if (i32.eqz (i32.or (local.get $cr)
                  (v128.any_true (i8x16.le_u (local.get $v) (v128.const i8x16 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32)))))
              (then
                (v128.store (local.get $out) (local.get $v))
                (local.set $in (i32.add (local.get $in) (i32.const 16)))
                (local.set $out (i32.add (local.get $out) (i32.const 16)))
                (local.set $wsp (i32.const 0))
                (br $next)))
            (local.set $sp (i8x16.bitmask (i8x16.eq (local.get $v) (v128.const i8x16 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32))))
            (local.set $crs (i8x16.bitmask (i8x16.eq (local.get $v) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))))
            (local.set $lfs (i8x16.bitmask (i8x16.eq (local.get $v) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))))
            (local.set $before (i32.or (i32.shl (local.get $sp) (i32.const 1)) (local.get $wsp)))
            ;; single spaces inside lines and whole CRLFs only: also as they are
            (if (i32.eqz (i32.or
                  (i32.or
                    ;; an LF exactly behind each CR
                    (i32.xor (local.get $lfs)
                      (i32.and (i32.or (i32.shl (local.get $crs) (i32.const 1)) (local.get $cr)) (i32.const 0xffff)))
                    ;; no white space behind white space, no CR behind white space
                    (i32.and (local.get $before) (i32.or (local.get $sp) (local.get $crs))))
                  ;; neither NUL nor HTAB
                  (v128.any_true (v128.or
                    (i8x16.eq (local.get $v) (v128.const i64x2 0 0))
                    (i8x16.eq (local.get $v) (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))))))
              (then
                (if (local.get $lfs) (then
                  ;; the first line end closes the current line; those behind it close lines under 16 octets
                  (br_if $fault (call $tooLong
                    (i32.sub (i32.add (local.get $in) (i32.ctz (local.get $lfs))) (i32.const 1)) (local.get $lineStart)))
                  (local.set $lineStart (i32.add (local.get $in) (i32.sub (i32.const 32) (i32.clz (local.get $lfs)))))))
                (v128.store (local.get $out) (local.get $v))
                (local.set $in (i32.add (local.get $in) (i32.const 16)))
                (local.set $out (i32.add (local.get $out) (i32.const 16)))
                (local.set $cr (i32.shr_u (local.get $crs) (i32.const 15)))
                (local.set $wsp (i32.shr_u (local.get $sp) (i32.const 15)))
                (br $next)))
            (local.set $stop (i32.add (local.get $in) (i32.const 16)))))

          ;; one octet at a time up to $stop
          (loop $octet
            (local.set $c (i32.load8_u (local.get $in)))
            (if (local.get $cr)
              (then
                (if (i32.ne (local.get $c) (i32.const 10)) (then
                  (br $fault (call $setFault (i32.const 2) (i32.sub (local.get $in) (i32.const 1))))))
                (br_if $fault (call $tooLong (i32.sub (local.get $in) (i32.const 1)) (local.get $lineStart)))
                (local.set $lineStart (i32.add (local.get $in) (i32.const 1)))
                (local.set $cr (i32.const 0))
                (i32.store8 (local.get $out) (i32.const 10))
                (local.set $out (i32.add (local.get $out) (i32.const 1))))
              (else
                (if (i32.gt_u (local.get $c) (i32.const 32))
                  (then
                    (local.set $wsp (i32.const 0))
                    (i32.store8 (local.get $out) (local.get $c))
                    (local.set $out (i32.add (local.get $out) (i32.const 1))))
                  (else (if (i32.or (i32.eq (local.get $c) (i32.const 32)) (i32.eq (local.get $c) (i32.const 9)))
                    (then
                      (if (i32.eqz (local.get $wsp)) (then
                        (local.set $wsp (i32.const 1))
                        (i32.store8 (local.get $out) (i32.const 32))
                        (local.set $out (i32.add (local.get $out) (i32.const 1))))))
                    (else (if (i32.eq (local.get $c) (i32.const 13))
                      (then
                        (local.set $out (i32.sub (local.get $out) (local.get $wsp)))
                        (local.set $wsp (i32.const 0))
                        (local.set $cr (i32.const 1))
                        (i32.store8 (local.get $out) (i32.const 13))
                        (local.set $out (i32.add (local.get $out) (i32.const 1))))
                      (else
                        (if (i32.eq (local.get $c) (i32.const 10)) (then
                          (br $fault (call $setFault (i32.const 3) (local.get $in)))))
                        (if (i32.eqz (local.get $c)) (then
                          (br $fault (call $setFault (i32.const 1) (local.get $in)))))
                        (local.set $wsp (i32.const 0))
                        (i32.store8 (local.get $out) (local.get $c))
                        (local.set $out (i32.add (local.get $out) (i32.const 1)))))))))))
            (local.set $in (i32.add (local.get $in) (i32.const 1)))
            (br_if $octet (i32.lt_u (local.get $in) (local.get $stop))))
          (br $next)))

      ;; the end of the slice: hold back what the next one decides about
      (br_if $fault (call $tooLong (i32.sub (local.get $in) (local.get $cr)) (local.get $lineStart)))
      (local.set $out (i32.sub (local.get $out) (i32.or (local.get $cr) (local.get $wsp))))
      (i32.store (i32.const 0) (i32.sub (i32.sub (local.get $in) (local.get $cr)) (local.get $lineStart)))
      (i32.store (i32.const 4) (local.get $cr))
      (i32.store (i32.const 8) (local.get $wsp)))
    (i32.sub (local.get $out) (i32.const 63)))

  ;; (tooLong endOfText lineStart) -> 1 and fault 4 when the line has more than 998 octets (RFC 5322 §2.1.1)
  (func $tooLong (param $end i32) (param $lineStart i32) (result i32)
    (if (i32.le_s (i32.sub (local.get $end) (local.get $lineStart)) (i32.const 998)) (then (return (i32.const 0))))
    (call $setFault (i32.const 4) (i32.add (local.get $lineStart) (i32.const 998)))
    (i32.const 1))

  (func $setFault (param $fault i32) (param $at i32)
    (i32.store (i32.const 12) (local.get $fault))
    (i32.store (i32.const 16) (i32.sub (local.get $at) (i32.const 64)))))
