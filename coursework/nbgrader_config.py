"""What nbgrader does in a class's folder; read by the commands of the week."""

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    GetGrades,
    LimitOutput,
    OverwriteCells,
    SaveAutoGrades,
)

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "partial-pooling"
# nbgrader does not execute what students wrote: it reads notebooks that the sandbox has executed.
c.CourseDirectory.submitted_directory = "executed"
c.Autograde.sanitize_preprocessors = [OverwriteCells, CheckCellMetadata]
c.Autograde.autograde_preprocessors = [
    "grading.HiddenTests",
    LimitOutput,
    SaveAutoGrades,
    CheckCellMetadata,
]
c.GenerateFeedback.preprocessors = [GetGrades, ClearHiddenTests, CSSHTMLHeaderPreprocessor]
c.GenerateFeedback.exporter_class = "pages.FeedbackExporter"
